/* kin/defer.h: what is to be done when a scope or a group closes. */
#ifndef KIN_DEFER_H
#define KIN_DEFER_H

#include <kin/group.h>

KIN__C_BEGIN

/* Calls fn(arg) when the calling task closes that scope or group, however it
   is left: the latest first, after the body and every child, shielded, so that
   it may wait. What it fails with joins the outcome behind the body's error, in
   one group; a lone error stays bare, but where a group of its policy groups
   every error. `arg` is borrowed.

   On failure (no memory; a scope that is not open, or not the calling task's)
   fn has been called already: what it releases is released either way.
   No checkpoint, unless it fails. (contextlib: AsyncExitStack) */
#define kin_defer(scope_or_group, fn, arg) \
    kin_defer_at(KIN__SITE(#fn), KIN__DEFER_TO(scope_or_group), fn, arg)
KIN_API KIN_MUST_USE kin_error *kin_defer_at(const kin_site *, kin_scope *,
                                             kin_fn *, void *arg);

#ifdef __cplusplus
extern "C++" inline kin_scope *kin__defer_to(kin_scope *scope)
{
    return scope;
}
extern "C++" inline kin_scope *kin__defer_to(kin_group *group)
{
    return group ? &group->scope : nullptr;
}
#define KIN__DEFER_TO(scope_or_group) kin__defer_to(scope_or_group)
#else
static inline kin_scope *kin__defer_to_scope(kin_scope *scope)
{
    return scope;
}
static inline kin_scope *kin__defer_to_group(kin_group *group)
{
    return group ? &group->scope : NULL;
}
#define KIN__DEFER_TO(scope_or_group)            \
    (_Generic((scope_or_group), kin_scope *      \
              : kin__defer_to_scope, kin_group * \
              : kin__defer_to_group)(scope_or_group))
#endif

KIN__C_END
#endif
