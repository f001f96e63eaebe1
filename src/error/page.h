/* error/page.h: a page of 80 columns that words are put on: margins with the
   bars of a tree, wrapping, colours, and nothing that would garble a terminal.

   A line begins with the margin: so many levels of three columns, each a bar or
   blank, and then an indent. What does not fit goes on in the next line, behind
   the same margin. */
#ifndef KIN__ERROR_PAGE_H
#define KIN__ERROR_PAGE_H

#include "error/out.h"

#include <stdbool.h>

enum { KIN__PAGE_WIDTH = 80, KIN__PAGE_LEVELS = 12, KIN__PAGE_STEP = 3 };

typedef enum { KIN__PLAIN, KIN__DIM, KIN__STRONG, KIN__ALARM } kin__style;
/* How the tree leads to a line: the innermost level of its margin. */
typedef enum { KIN__NO_BRANCH, KIN__BRANCH, KIN__LAST_BRANCH } kin__branch;

typedef struct kin__page {
    kin__out out;
    bool utf8, colour;
    /* the margin */
    bool bars[KIN__PAGE_LEVELS];
    size_t levels, indent;
    /* the line */
    size_t column; /* columns written */
    size_t gap;    /* spaces since */
    bool begun;    /* a line has been */
    bool fresh;    /* nothing but the margin is on it */
    bool broken;   /* the text has a line end here */
    kin__style shown;
    /* the word that is not written yet: it may have to go on the next line */
    size_t length, width;
    kin__style style; /* at its end */
    char word[256];
} kin__page;

void kin__page_open(kin__page *, FILE *);
void kin__page_close(kin__page *);
/* Whether there is a bar at that level, from the next line on. */
void kin__page_bar(kin__page *, size_t level, bool bar);
/* Begins a line with so many levels (no more than there are) and an indent. */
void kin__page_line(kin__page *, size_t levels, size_t indent, kin__branch);
/* Words; spaces and line ends are where lines may end, and do end. */
void kin__page_put(kin__page *, kin__style, const char *);
void kin__page_number(kin__page *, kin__style, unsigned long long);
/* A space where a line must not end. */
void kin__page_space(kin__page *);
/* The sign for "and that from", which begins what comes next. */
void kin__page_arrow(kin__page *);
/* The sign for "so many times". */
const char *kin__page_times(const kin__page *);

#endif
