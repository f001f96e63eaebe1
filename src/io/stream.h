/* io/stream.h: what a kind of stream has to provide. The common part (stream.c)
   sees to it that one task at a time uses a side, that nobody uses a closed
   stream, and that the memory outlives whoever is still inside a call. */
#ifndef KIN__STREAM_H
#define KIN__STREAM_H

#include <kin/stream.h>

typedef struct kin__stream_table {
    /* As the public calls, for one piece: at least a byte, or the end, or an
       error that says nothing happened. `send` sets *sent. */
    kin_error *(*receive)(const kin_site *, kin_stream *, void *buffer,
                          size_t size, size_t *got);
    kin_error *(*receive_now)(const kin_site *, kin_stream *, void *buffer,
                              size_t size, size_t *got);
    kin_error *(*send)(const kin_site *, kin_stream *, const void *data,
                       size_t size, size_t *sent);
    kin_error *(*send_end)(const kin_site *, kin_stream *);
    /* Ends every wait inside with KIN_CLOSED and gives back what it holds but
       for the memory. Must not wait. */
    void (*shut)(kin_stream *);
    int (*descriptor)(const kin_stream *); /* or -1 */
} kin__stream_table;

enum { KIN__STREAM_NAME = 32 };

/* The first member of every kind of stream. */
struct kin_stream {
    const kin__stream_table *table;
    bool closed, receiving, sending, send_ended;
    unsigned users; /* calls under way */
    size_t sent;
    char name[KIN__STREAM_NAME]; /* cut where it is longer */
};

void kin__stream_init(kin_stream *, const kin__stream_table *,
                      const char *name);

/* A stream over a descriptor; NULL when memory is out. */
kin_stream *kin__stream_over(int fd, const char *name, bool borrow);

#endif
