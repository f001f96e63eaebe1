/* kin/value.h: values that a task inherits from the task that spawns it: who
   asked for this, how to log it. A key says the type:

       KIN_DECLARE_KEY(request_id, int);      in a header, or above its use
       KIN_DEFINE_KEY(request_id);            in one file

       KIN_TRY(kin_value_set(&request_id, 7));
       int id = kin_value_get(&request_id, 0);

   A child sees the values that its spawner had at the spawn; what it sets itself
   is its own and that of what it spawns. A child of a group opened
   `.values_at_opening = true` sees what the opener had when it opened the group,
   whoever spawns it; what a plain callback spawns sees nothing. A task that has
   no values costs nothing. (contextvars; trio #1523) */
#ifndef KIN_VALUE_H
#define KIN_VALUE_H

#include <kin/group.h>

KIN__C_BEGIN

typedef struct kin_key {
    const char *name;
    size_t size; /* of a value */
    /* Told of a value that no task can see any more; may be NULL. Must not
       wait. */
    void (*drop)(void *value);
} kin_key;

#define KIN_DECLARE_KEY(ident, type)                    \
    extern const struct ident##_kin_key {               \
        kin_key key;                                    \
        type *typed; /* never set: it tells the type */ \
    } ident
#define KIN_DEFINE_KEY(ident, ...)                                \
    const struct ident##_kin_key ident = {                        \
        {#ident, sizeof *((struct ident##_kin_key *)0)->typed,    \
         KIN__PASTE(KIN__DROP_, __VA_OPT__(GIVEN))(__VA_ARGS__)}, \
        0}
#define KIN__DROP_() 0
#define KIN__DROP_GIVEN(drop) drop

/* Sets it for the calling task, and what it spawns from now on. The value is
   copied. KIN_NO_MEMORY: nothing has changed. No checkpoint. */
#define kin_value_set(key_, value)                           \
    (__extension__({                                         \
        __typeof__(*(key_)->typed) kin__set = (value);       \
        kin_value_set_at(KIN_HERE, &(key_)->key, &kin__set); \
    }))
KIN_API KIN_MUST_USE kin_error *
kin_value_set_at(const kin_site *, const kin_key *, const void *value);

/* What the calling task sees, or `otherwise` if nothing was set. */
#define kin_value_get(key_, otherwise)                                   \
    (__extension__({                                                     \
        const void *kin__seen = kin_value_find(&(key_)->key);            \
        kin__seen ? *(__typeof__((key_)->typed))kin__seen : (otherwise); \
    }))
/* Borrowed, until the task sets it anew or ends; NULL if nothing was set. */
KIN_API const void *kin_value_find(const kin_key *);

KIN__C_END
#endif
