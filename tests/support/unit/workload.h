// What a recorded workload of a test does: touches pages, runs, and says in shared memory what it found out.
#pragma once

#include "timeline/ids.h"
#include "util/clock.h"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <doctest/doctest.h>
#include <functional>
#include <new>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace numadrift::test {

// What the child found out, in memory shared with the test.
template <class T> T* shared() {
    void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (memory) T();
}

inline std::uint64_t thread_cpu_ns() {
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

inline void spin_ms(std::uint64_t ms) {
    const std::uint64_t end_ns = thread_cpu_ns() + ms * 1'000'000;
    while (thread_cpu_ns() < end_ns) {
    }
}

inline char* fresh_pages(std::size_t pages) {
    void* memory = ::mmap(nullptr, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ::madvise(memory, pages * 4096, MADV_NOHUGEPAGE);
    return static_cast<char*>(memory);
}

// What is touched here is touched by nobody else: a sanitizer would read its shadow of the memory in between,
// which is a first touch of its own where the kernel gives out no zero page.
#define ND_NOT_SANITIZED __attribute__((no_sanitize("address", "undefined")))

ND_NOT_SANITIZED inline void touch(char* memory, std::size_t pages) {
    for (std::size_t i = 0; i < pages; ++i) *const_cast<volatile char*>(memory + i * 4096) = 1;
}

// In an order without runs: an event a page, nothing to coalesce.
ND_NOT_SANITIZED inline void touch_scattered(char* memory, std::size_t pages) {
    for (std::size_t i = 0; i < pages; ++i) *const_cast<volatile char*>(memory + i * 7919 % pages * 4096) = 1;
}

// A process that says one word when it is ready, and goes on until it is killed with this.
class Kept {
public:
    using Say = std::function<void(char)>;
    explicit Kept(const std::function<void(const Say&)>& work) {
        int ready[2];
        REQUIRE(::pipe(ready) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            work([&ready](char word) {
                if (::write(ready[1], &word, 1) != 1) ::_exit(1);
            });
            for (;;) ::pause();
        }
        REQUIRE(::read(ready[0], &word_, 1) == 1);
        for (const int end : ready) ::close(end);
    }
    ~Kept() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;

    Pid pid() const { return Pid{static_cast<std::uint32_t>(pid_)}; }
    char word() const { return word_; }

private:
    pid_t pid_ = -1;
    char word_ = 0;
};

} // namespace numadrift::test
