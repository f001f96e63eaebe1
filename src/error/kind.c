/* error/kind.c: the kinds of the library and the tree that all kinds form.

   Kinds are never freed and never change. */
#include "error/node.h"

#include <string.h>

const kin_kind KIN_BASE = {"error", NULL};
KIN_DEFINE_KIND(KIN_CANCELLED, "cancelled", KIN_BASE);
KIN_DEFINE_KIND(KIN_GENERATOR_EXIT, "generator exit", KIN_BASE);
KIN_DEFINE_KIND(KIN_INTERRUPT, "interrupt", KIN_BASE);
KIN_DEFINE_KIND(KIN_EXIT, "exit", KIN_BASE);
KIN_DEFINE_KIND(KIN_ERROR_GROUP, "error group", KIN_BASE);
KIN_DEFINE_KIND(KIN_FAILURE, "failure", KIN_BASE);
KIN_DEFINE_KIND(KIN_TIMEOUT, "timeout", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_OS, "os error", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_CLOSED, "closed", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_BROKEN, "broken", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_END, "end", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_BUSY, "busy", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_WOULD_BLOCK, "would block", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_NO_MEMORY, "no memory", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_MISUSE, "misuse", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_INTERNAL, "internal error", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_DEADLOCK, "deadlock", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_PROCESS_FAILED, "process failed", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_REMOTE, "remote error", KIN_FAILURE);
KIN_DEFINE_KIND(KIN_YIELD_PREVENTED, "yield prevented", KIN_MISUSE);

static const kin_kind *const all[] = {
    &KIN_BASE,           &KIN_CANCELLED,   &KIN_GENERATOR_EXIT,
    &KIN_INTERRUPT,      &KIN_EXIT,        &KIN_ERROR_GROUP,
    &KIN_FAILURE,        &KIN_TIMEOUT,     &KIN_OS,
    &KIN_CLOSED,         &KIN_BROKEN,      &KIN_END,
    &KIN_BUSY,           &KIN_WOULD_BLOCK, &KIN_NO_MEMORY,
    &KIN_MISUSE,         &KIN_INTERNAL,    &KIN_DEADLOCK,
    &KIN_PROCESS_FAILED, &KIN_REMOTE,      &KIN_YIELD_PREVENTED,
};

const kin_kind *kin__kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

uint8_t kin__kind_leaves(const kin_kind *kind)
{
    for (; kind; kind = kind->parent) {
        if (kind == &KIN_FAILURE)
            return KIN__OF_FAILURE;
        if (kind == &KIN_CANCELLED)
            return KIN__OF_CANCELLED;
        if (kind == &KIN_GENERATOR_EXIT)
            return KIN__OF_GENERATOR_EXIT;
        if (kind == &KIN_INTERRUPT)
            return KIN__OF_INTERRUPT;
        if (kind == &KIN_EXIT)
            return KIN__OF_EXIT;
        if (kind == &KIN_ERROR_GROUP)
            return KIN__OF_GROUP;
    }
    return KIN__OF_BASE;
}

bool kin__kind_descends(const kin_kind *kind, const kin_kind *from)
{
    if (from == &KIN_BASE)
        return true;
    while (kind && kind != from)
        kind = kind->parent;
    return kind != NULL;
}
