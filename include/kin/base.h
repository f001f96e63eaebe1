/* kin/base.h: what every other header stands on: marks, places, options. */
#ifndef KIN_BASE_H
#define KIN_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
#define KIN__C_BEGIN extern "C" {
#define KIN__C_END }
/* Fields with a default are not missing from a C++ designated initialiser. */
#define KIN__UNSET = {}
#else
#define KIN__C_BEGIN
#define KIN__C_END
#define KIN__UNSET
#endif

#define KIN_API __attribute__((visibility("default")))
#define KIN_MUST_USE __attribute__((warn_unused_result))
#define KIN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define KIN_COLD __attribute__((cold))

/* A goto over a later KIN_SCOPE or KIN_GROUP into the same C block would
   leave it unopened: clang refuses it by itself, gcc is told to. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__cplusplus)
#pragma GCC diagnostic error "-Wjump-misses-init"
#endif
#if defined(__clang__) && defined(__cplusplus) && __cplusplus < 202002L
#pragma clang diagnostic ignored "-Wc++20-designator"
#endif

#define KIN__PASTE2(a, b) a##b
#define KIN__PASTE(a, b) KIN__PASTE2(a, b)

KIN__C_BEGIN

/* A place in the source. Static: whoever keeps a pointer to one may keep it
   for as long as the code is loaded. `name` is what the place gives a name to:
   the function that is spawned, the variable that a group is; else NULL. */
typedef struct kin_site {
    const char *file;
    const char *function;
    int line;
    const char *name;
} kin_site;

#define KIN__SITE(name_)                                                 \
    (__extension__({                                                     \
        static const kin_site kin__site = {__FILE__, __func__, __LINE__, \
                                           (name_)};                     \
        &kin__site;                                                      \
    }))

/* This place. A function that wraps one of kin's and wants its caller's place
   in traces passes that on to the `..._at` form of what it wraps. */
#define KIN_HERE KIN__SITE(NULL)

/* The options behind the fixed arguments of a call: a pointer to a struct made
   of the designated initialisers, or NULL where there are none. */
#define KIN__OPTIONS(type, ...) \
    KIN__PASTE(KIN__OPTIONS_, __VA_OPT__(GIVEN))(type, __VA_ARGS__)
#define KIN__OPTIONS_(type, ...) ((const type *)0)
#ifdef __cplusplus
#define KIN__OPTIONS_GIVEN(type, ...) kin__address_of(type{__VA_ARGS__})
extern "C++" template <class T> inline const T *kin__address_of(const T &value)
{
    return &value;
}
#else
#define KIN__OPTIONS_GIVEN(type, ...) (&(const type){__VA_ARGS__})
#endif

/* Where a suspended thread of execution goes on: its stack pointer; the rest
   lies on its stack. Private. */
typedef struct kin__context {
    void *sp;
} kin__context;

typedef struct kin_error kin_error;
typedef struct kin_task kin_task;
typedef struct kin_scope kin_scope;
typedef struct kin_group kin_group;

/* What a task runs. NULL is success. */
typedef kin_error *kin_fn(void *arg);

KIN__C_END
#endif
