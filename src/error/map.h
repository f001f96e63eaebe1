/* error/map.h: a table from numbers (addresses, hashes) to two more numbers,
   for the questions about a tree that need a memory. */
#ifndef KIN__ERROR_MAP_H
#define KIN__ERROR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kin__map_entry {
    uint64_t key; /* 0: empty */
    uint64_t first, second;
} kin__map_entry;

typedef struct kin__map { /* all zero: empty */
    kin__map_entry *entries;
    size_t count, capacity, limit; /* limit: of the count; 0: none */
} kin__map;

kin__map_entry *kin__map_find(const kin__map *, uint64_t key);
/* The same, new and zero if it was not there; NULL when it is not and there is
   no memory for it or the limit is reached. Moves the other entries. */
kin__map_entry *kin__map_put(kin__map *, uint64_t key);
void kin__map_free(kin__map *);

static inline uint64_t kin__map_key(const void *address)
{
    return (uint64_t)(uintptr_t)address;
}

#endif
