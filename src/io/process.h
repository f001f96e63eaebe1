/* io/process.h: what kin_process_run needs of a process beyond the public. */
#ifndef KIN__PROCESS_H
#define KIN__PROCESS_H

#include <kin/process.h>

/* kin_process_start, with the options of kin_process_run allowed. */
kin_error *kin__process_start(const kin_site *, kin_process **,
                              const char *const argv[],
                              const kin_process_options *);

/* kin_process_stop with, where `on_cancel` is not NULL, that in place of
   SIGTERM. *killed says whether SIGKILL was needed. */
kin_error *kin__process_stop(const kin_site *, kin_process *, kin_time grace,
                             kin_process_on_cancel *on_cancel, void *context,
                             bool *killed);

/* Where a process hands its error tree up: an empty file without a name, or -1
   where there is no such thing; and what was put there. -1 is fine with all. */
int kin__handed_up_open(void);
void kin__handed_up_close(int *fd);
kin_error *kin__handed_up_read(int fd, const char *name);

/* Whether some process of that group has not ended. */
bool kin__process_group_lives(int group);

#endif
