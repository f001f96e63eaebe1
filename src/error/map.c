/* error/map.c: see map.h. Open addressing in one block, at most three quarters
   full, which doubles. */
#include "error/map.h"

#include <string.h>

#include "base/alloc.h"

/* The entry of that key, or the empty one where it would be. */
static kin__map_entry *place(const kin__map *map, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = map->capacity - 1, at = (size_t)(hash >> 20) & mask;
    while (map->entries[at].key && map->entries[at].key != key)
        at = (at + 1) & mask;
    return &map->entries[at];
}

kin__map_entry *kin__map_find(const kin__map *map, uint64_t key)
{
    if (map->count == 0)
        return NULL;
    kin__map_entry *entry = place(map, key);
    return entry->key ? entry : NULL;
}

static bool grow(kin__map *map)
{
    kin__map larger = *map;
    larger.capacity = map->capacity ? map->capacity * 2 : 64;
    size_t size = larger.capacity * sizeof *larger.entries;
    larger.entries = kin__alloc(size);
    if (!larger.entries)
        return false;
    memset(larger.entries, 0, size);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].key)
            *place(&larger, map->entries[i].key) = map->entries[i];
    kin__free(map->entries);
    *map = larger;
    return true;
}

kin__map_entry *kin__map_put(kin__map *map, uint64_t key)
{
    kin__map_entry *entry = kin__map_find(map, key);
    if (entry)
        return entry;
    if (map->limit && map->count == map->limit)
        return NULL;
    if ((map->count + 1) * 4 > map->capacity * 3 && !grow(map))
        return NULL;
    entry = place(map, key);
    entry->key = key;
    map->count++;
    return entry;
}

void kin__map_free(kin__map *map)
{
    kin__free(map->entries);
    *map = (kin__map){.limit = map->limit};
}
