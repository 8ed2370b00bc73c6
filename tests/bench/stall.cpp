// stall GIB: a process of so many GiB of 4 KiB pages that maps, faults and unmaps all the time, and
// knows how long each took at worst. Prints "ready PID"; then, for every line it reads, "LINE rounds
// N mmap_us WORST fault_us WORST": of the time since the line before.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <poll.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kSmall = 16 * kPage;

double now_us() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

void* map(std::size_t bytes) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::exit(1);
    ::madvise(memory, bytes, MADV_NOHUGEPAGE);
    return memory;
}

} // namespace

int main(int argc, char** argv) {
    const std::size_t bytes = static_cast<std::size_t>(argc > 1 ? std::atoi(argv[1]) : 1) << 30;
    auto* memory = static_cast<char*>(map(bytes));
    for (std::size_t at = 0; at < bytes; at += kPage) memory[at] = 1;
    std::printf("ready %d\n", ::getpid());
    std::fflush(stdout);
    double worst_map_us = 0;
    double worst_fault_us = 0;
    long rounds = 0;
    for (;; ++rounds) {
        double at_us = now_us();
        auto* small = static_cast<volatile char*>(map(kSmall));
        worst_map_us = std::max(worst_map_us, now_us() - at_us);
        for (std::size_t at = 0; at < kSmall; at += kPage) {
            at_us = now_us();
            small[at] = 1;
            worst_fault_us = std::max(worst_fault_us, now_us() - at_us);
        }
        at_us = now_us();
        ::munmap(const_cast<char*>(small), kSmall);
        worst_map_us = std::max(worst_map_us, now_us() - at_us);
        pollfd input{STDIN_FILENO, POLLIN, 0};
        if (::poll(&input, 1, 0) <= 0) continue;
        char line[128];
        if (!std::fgets(line, sizeof line, stdin)) return 0;
        line[std::strcspn(line, "\n")] = 0;
        std::printf("%s rounds %ld mmap_us %.0f fault_us %.0f\n", line, rounds, worst_map_us, worst_fault_us);
        std::fflush(stdout);
        worst_map_us = worst_fault_us = 0;
        rounds = 0;
    }
}
