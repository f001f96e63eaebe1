/* sync/mutex.h: the mutex, seen from the condition. */
#ifndef KIN__MUTEX_H
#define KIN__MUTEX_H

#include "sync/object.h"

#include <kin/mutex.h>

/* Who waits in a mutex's list has the place of its call as its data: it is
   handed the mutex in the step in which it is woken. */

/* The owner lets go of it: it is the next one's, or free. */
void kin__mutex_pass_on(kin_mutex *);

#endif
