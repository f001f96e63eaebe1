#!/usr/bin/env bash
# What `make install` puts where, and that programs outside the tree compile,
# link and run with it, told by pkg-config or CMake alone.
. "${0%/*}/harness.sh"

prefix=$TMPDIR/prefix
outside=$TMPDIR/outside

# Works as C and as C++. A kind is compared by its address, which must be one
# for the program and the library however they are linked.
program='
#include <kin.h>

static kin_error *child(void *arg)
{
    (void)arg;
    KIN_TRY(kin_sleep(KIN_MILLISECONDS(1)));
    return kin_fail(&KIN_TIMEOUT, "as it should");
}

static kin_error *body(void *arg)
{
    KIN_GROUP(group, .name = "outside");
    kin_spawn(group, child, arg);
    kin_error *err = kin_group_close(group, NULL);
    if (!kin_error_has(err, &KIN_TIMEOUT) || kin_error_has(err, &KIN_OS))
        return err;
    kin_error_free(err);
    return NULL;
}

int main(void)
{
    puts("outside");
    return kin_main(body, NULL);
}
'

pkg() { PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config "$@"; }

# The program compiles with the arguments given, and runs.
works() {
    "$@" -o "$outside/program"
    expect 0 env LD_LIBRARY_PATH="$prefix/lib" "$outside/program"
    [[ $out == outside && -z $err ]] || fail "it wrote: $out $err"
}

# Word splitting is what pkg-config's output is for.
# shellcheck disable=SC2046
test_c_program() {
    works gcc -Wall -Wextra -Werror "$outside/program.c" \
        $(pkg --cflags --libs kin)
    readelf -d "$outside/program" >"$outside/dynamic"
    grep 'NEEDED.*\[libkin\.so\.0\]' "$outside/dynamic"
    works gcc -std=c17 -O2 "$outside/program.c" $(pkg --cflags --libs kin)
}

# shellcheck disable=SC2046
test_c_program_at_a_fixed_address() {
    works gcc -fno-pie -no-pie "$outside/program.c" $(pkg --cflags --libs kin)
}

# shellcheck disable=SC2046
test_c_program_linked_statically() {
    works gcc "$outside/program.c" $(pkg --cflags kin) \
        -static $(pkg --static --libs kin)
    works gcc "$outside/program.c" $(pkg --cflags kin) \
        -Wl,-Bstatic $(pkg --libs kin) -Wl,-Bdynamic -pthread
    readelf -d "$outside/program" >"$outside/dynamic"
    refute grep libkin "$outside/dynamic"
}

# shellcheck disable=SC2046
test_cxx_program() {
    works g++ -std=gnu++17 -Wall -Wextra -Werror "$outside/program.cc" \
        $(pkg --cflags --libs kin)
    works g++ -std=c++17 "$outside/program.cc" $(pkg --cflags kin) \
        -static $(pkg --static --libs kin)
}

# shellcheck disable=SC2046
test_programs_compiled_by_clang() {
    command -v clang++ >/dev/null || skip 'no clang++ here'
    works clang "$outside/program.c" $(pkg --cflags --libs kin)
    works clang++ -std=c++17 "$outside/program.cc" $(pkg --cflags --libs kin)
}

test_layout() {
    local file header
    for file in bin/kin include/kin.h lib/libkin.a lib/libkin.so \
        lib/libkin.so.0 lib/pkgconfig/kin.pc lib/cmake/kin/kin-config.cmake \
        lib/cmake/kin/kin-config-version.cmake share/man/man1/kin-run.1 \
        share/kin/kin-run.json share/bash-completion/completions/kin \
        share/zsh/site-functions/_kin \
        share/fish/vendor_completions.d/kin.fish; do
        [[ -s $prefix/$file ]] || fail "$file is not installed"
    done
    for header in "$KIN_SOURCE"/include/kin/*.h; do
        cmp "$header" "$prefix/include/kin/${header##*/}"
    done
    readelf -d "$prefix/lib/libkin.so" >"$outside/dynamic"
    grep 'SONAME.*\[libkin\.so\.0\]' "$outside/dynamic"
}

test_installed_files_know_nothing_of_the_tree() {
    refute grep -rlF "$KIN_SOURCE" "$prefix/lib/pkgconfig" \
        "$prefix/lib/cmake" "$prefix/include"
}

# Every name in the one, and every global name in the other, says whose it is.
test_symbols() {
    nm -D --defined-only "$prefix/lib/libkin.so" >"$outside/shared"
    grep ' kin_error_free@@KIN_0.1$' "$outside/shared"
    refute grep -vE ' (kin_[a-z][a-z0-9_]*|KIN_[A-Z][A-Z0-9_]*)@@KIN_0\.[0-9]+$| A KIN_0\.[0-9]+$' \
        "$outside/shared"
    nm -g --defined-only "$prefix/lib/libkin.a" 2>/dev/null |
        grep -E '^[0-9a-f]+ ' >"$outside/archive"
    refute grep -vE ' (kin_|KIN_)[A-Za-z0-9_]+$' "$outside/archive"
}

test_stacks_are_not_executable() {
    readelf -lW "$prefix/lib/libkin.so" >"$outside/segments"
    grep 'GNU_STACK.* RW ' "$outside/segments"
}

test_cmake_package() {
    command -v cmake >/dev/null || skip 'no cmake here'
    mkdir "$outside/cmake"
    cat >"$outside/cmake/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.16)
project(outside C CXX)
find_package(kin 0.1 REQUIRED)
add_executable(shared ../program.c)
target_link_libraries(shared kin::kin)
add_executable(static ../program.cc)
target_link_libraries(static kin::kin_static)
EOF
    cmake -S "$outside/cmake" -B "$outside/cmake/build" \
        -DCMAKE_PREFIX_PATH="$prefix"
    cmake --build "$outside/cmake/build"
    expect 0 "$outside/cmake/build/shared"
    expect 0 "$outside/cmake/build/static"
    sed -i 's/kin 0.1/kin 0.2/' "$outside/cmake/CMakeLists.txt"
    expect 1 cmake -S "$outside/cmake" -B "$outside/cmake/newer" \
        -DCMAKE_PREFIX_PATH="$prefix"
    contains "$err" 'considered but not accepted'
}

test_command() {
    expect 0 "$prefix/bin/kin" run -- true
}

if [[ $KIN_SANITIZE != none ]]; then
    echo 'skip install: what is installed is the release'
    echo '# 0 passed, 0 failed'
    exit 0
fi

mkdir "$outside"
printf '%s' "$program" | tee "$outside/program.c" >"$outside/program.cc"
# A build of its own, which stays, so that the next time it is soon up to date.
if ! make -C "$KIN_SOURCE" install PREFIX="$prefix" DESTDIR= \
    BUILD="$KIN_BUILD/installed" >"$TMPDIR/install.log" 2>&1; then
    sed 's/^/# /' "$TMPDIR/install.log"
    echo 'not ok install: make install failed'
    echo '# 0 passed, 1 failed'
    exit 1
fi
run_tests
