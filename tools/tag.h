/* tag.h: what stands before each line of a command's output. */
#ifndef KIN_TOOLS_TAG_H
#define KIN_TOOLS_TAG_H

#include <kin/error.h>

typedef enum { TAG_NAME, TAG_PID, TAG_TIME } tag_word;

/* For all commands of a run. */
typedef struct tag_format {
    tag_word words[8];
    size_t count;      /* 0: there are no tags */
    size_t name_width; /* columns */
} tag_format;

/* The words' names, with commas or blanks between them. REFUSED. */
KIN_MUST_USE kin_error *tag_format_parse(tag_format *, const char *words);
/* Makes the column wide enough for one more name, within reason. */
void tag_format_widen(tag_format *, const char *name);

/* For one stream of one command. */
typedef struct tag {
    const tag_format *format;
    const char *name;
    int pid;
    const char *colour; /* the code that sets it, or NULL */
} tag;

/* One of the colours that neighbours are told apart by. */
const char *tag_colour(size_t number);

/* The text as of now; `goes_on`: before the rest of a line that was broken.
   Returns how many bytes it is; cut if need be. */
enum { TAG_TEXT = 512 };
size_t tag_text(const tag *, bool goes_on, char text[TAG_TEXT]);

#endif
