/* error/out.h: a stream that is written to in few pieces: one, where the text
   is not large. */
#ifndef KIN__ERROR_OUT_H
#define KIN__ERROR_OUT_H

#include <stddef.h>
#include <stdio.h>

typedef struct kin__out {
    FILE
        *stream; /* locked until the end, so that no other line comes between */
    char *buffer; /* `small`, or a block */
    size_t length, room;
    char small[512];
} kin__out;

void kin__out_open(kin__out *, FILE *);
void kin__out_close(kin__out *);
void kin__out_bytes(kin__out *, const char *, size_t length);
void kin__out_text(kin__out *, const char *);
void kin__out_number(kin__out *, long long);

#endif
