/* core/value.c: the values that a task sees.

   A task, or a group that hands its own down, refers to a set: counted, and
   unchanged once a second one refers to it, so that a child starts with a count
   and no more. A set has one entry a key; entries are counted too, since a
   changed copy of a set shares all but one of them. */
#include "core/runtime.h"

#include <kin/value.h>

#include <string.h>

#include "base/alloc.h"

typedef struct entry {
    const kin_key *key;
    size_t references;
    _Alignas(max_align_t) char bytes[];
} entry;

struct kin__values {
    size_t references;
    size_t count;
    entry *entries[];
};

static entry *entry_new(const kin_key *key, const void *value)
{
    entry *e = kin__alloc(sizeof *e + key->size);
    if (!e)
        return NULL;
    e->key = key;
    e->references = 1;
    memcpy(e->bytes, value, key->size);
    return e;
}

static void entry_unref(entry *e)
{
    if (--e->references > 0)
        return;
    if (e->key->drop) {
        kin__runtime *rt = kin__runtime_here;
        kin_task *current = rt->current;
        rt->current = NULL; /* a callback: it belongs to no task */
        e->key->drop(e->bytes);
        rt->current = current;
    }
    kin__free(e);
}

kin__values *kin__values_ref(kin__values *values)
{
    if (values)
        values->references++;
    return values;
}

void kin__values_unref(kin__values *values)
{
    if (!values || --values->references > 0)
        return;
    for (size_t i = 0; i < values->count; i++)
        entry_unref(values->entries[i]);
    kin__free(values);
}

/* Where the key is, or would be. */
static size_t find(const kin__values *values, const kin_key *key)
{
    size_t i = 0, count = values ? values->count : 0;
    while (i < count && values->entries[i]->key != key)
        i++;
    return i;
}

/* A set that only the caller refers to, with a place at `at`, empty or the old
   entry's; NULL without memory. */
static kin__values *changeable(kin__values *values, size_t at)
{
    size_t count = values ? values->count : 0;
    if (at < count && values->references == 1)
        return values;
    size_t now = at < count ? count : count + 1;
    kin__values *copy = kin__alloc(sizeof *copy + now * sizeof(entry *));
    if (!copy)
        return NULL;
    copy->references = 1;
    copy->count = now;
    copy->entries[at] = NULL;
    for (size_t i = 0; i < count; i++)
        if (i != at) {
            copy->entries[i] = values->entries[i];
            copy->entries[i]->references++;
        }
    return copy;
}

kin_error *kin_value_set_at(const kin_site *site, const kin_key *key,
                            const void *value)
{
    kin_task *task = kin__task_of(site, "kin_value_set");
    if (!key || !value)
        return kin_fail_at(site, &KIN_MISUSE, "kin_value_set of NULL");
    entry *set = entry_new(key, value);
    size_t at = find(task->values, key);
    kin__values *values = set ? changeable(task->values, at) : NULL;
    if (!values) {
        kin__free(set);
        return kin_fail_at(site, &KIN_NO_MEMORY,
                           "no memory to set value \"%s\"", key->name);
    }
    entry *old = values->entries[at];
    kin__values *before = task->values;
    values->entries[at] = set;
    task->values = values;
    if (before != values) /* and only then are others told */
        kin__values_unref(before);
    else if (old)
        entry_unref(old);
    return NULL;
}

const void *kin_value_find(const kin_key *key)
{
    kin_task *task = kin_task_self();
    size_t at = find(task ? task->values : NULL, key);
    return task && task->values && at < task->values->count
               ? task->values->entries[at]->bytes
               : NULL;
}
