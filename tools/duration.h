/* duration.h: lengths of time as people write and read them. */
#ifndef KIN_TOOLS_DURATION_H
#define KIN_TOOLS_DURATION_H

#include <kin/time.h>

/* "90", "90s", "1.5m", "2h", "300ms": digits, with a point among them or not,
   and one of ms, s, m, h, d; without one it is seconds. What does not fit is
   KIN_NEVER. False, and *length is left alone, when it is none. */
bool duration_parse(const char *text, kin_time *length);

/* "35 ms", "1.2 s", "2 min 5 s", "3 h 20 min". */
enum { DURATION_TEXT = 32 };
const char *duration_text(kin_time length, char text[DURATION_TEXT]);

#endif
