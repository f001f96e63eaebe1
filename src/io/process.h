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

/* Whether some process of that group has not ended. */
bool kin__process_group_lives(int group);

#endif
