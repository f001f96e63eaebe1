/* base/alloc.h: the one door to the heap, so that a test can count what goes
   through it and make any of it fail. */
#ifndef KIN__ALLOC_H
#define KIN__ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* As malloc, realloc and free; NULL when memory is out. Any thread. */
void *kin__alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *kin__realloc(void *, size_t size) __attribute__((alloc_size(2)));
void kin__free(void *);

/* For tests; set while no other thread uses kin. `fail` is asked before every
   allocation (mapping memory for stacks included) whether to refuse it. */
typedef struct kin__alloc_probe {
    bool (*fail)(void *context);
    void *context;
    long live; /* blocks, counted while the probe is installed */
} kin__alloc_probe;
void kin__alloc_set_probe(kin__alloc_probe *); /* NULL: none */
bool kin__alloc_should_fail(void);             /* for what maps memory itself */

#endif
