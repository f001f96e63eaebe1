/* tail.h: the last lines that a command wrote, for its failure's notes. */
#ifndef KIN_TOOLS_TAIL_H
#define KIN_TOOLS_TAIL_H

#include <kin/error.h>

enum {
    TAIL_LINES = 10,
    TAIL_LINE = 200, /* bytes of each */
};

/* All zero is empty. */
typedef struct tail {
    size_t count; /* of all that there were */
    bool open;    /* the latest goes on */
    struct {
        char text[TAIL_LINE];
        size_t length;
        bool cut;
        bool returned; /* a carriage return was the last of it */
        int escape;    /* how far into a terminal's escape sequence it is */
    } lines[TAIL_LINES];
} tail;

/* A piece of a line; `ended`: it was the last of it. */
void tail_add(tail *, const char *text, size_t length, bool ended);
/* Adds each line as a note. */
void tail_note(const tail *, kin_error *);

#endif
