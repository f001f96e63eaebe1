/* sync/object.c: see object.h. */
#include "sync/object.h"

const char *kin__object_label(char text[KIN__LABEL], const char *noun,
                              const char *name)
{
    if (name)
        snprintf(text, KIN__LABEL, "%s \"%s\"", noun, name);
    else
        snprintf(text, KIN__LABEL, "%s", noun);
    return text;
}

kin_error *kin__object_missing(const kin_site *site, const char *what)
{
    return kin_fail_at(site, &KIN_MISUSE, "%s of NULL", what);
}

kin_error *kin__object_would_block(const kin_site *site, const char *noun,
                                   const char *name)
{
    char text[KIN__LABEL];
    return kin_fail_at(site, &KIN_WOULD_BLOCK, "%s is not to be had at once",
                       kin__object_label(text, noun, name));
}

void kin__object_deinit(const kin_site *site, kin_wait_list *list,
                        const char *noun, const char *name)
{
    char text[KIN__LABEL];
    size_t waiting = kin_wait_list_count(list);
    if (waiting)
        kin__misuse(site, "%s is deinitialised while %zu task%s in it",
                    kin__object_label(text, noun, name), waiting,
                    waiting == 1 ? " waits" : "s wait");
    kin_wait_list_break(list, "what is waited for has been deinitialised");
}
