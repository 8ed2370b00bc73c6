// collapser: memory of small pages that is collapsed into huge pages, which moves what lies on another node.
//
//   collapser CPU OTHER_CPU
//
// Of each 2 MiB the first three quarters are touched from CPU, the last from OTHER_CPU, and a thread on CPU
// reads it all at random. Prints "ready". Upon SIGUSR1 it has the kernel collapse it (MADV_COLLAPSE,
// from 6.1) and prints "collapsed PAGES", how many came from the other node to the first.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr std::size_t kBytes = 16 * kHuge;
constexpr int kCollapse = 25; // MADV_COLLAPSE

void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

int node_of_cpu(int cpu) {
    pin(cpu);
    unsigned node = 0;
    ::getcpu(nullptr, &node);
    return static_cast<int>(node);
}

std::size_t pages_on(const char* memory, int node) {
    std::vector<const void*> pages;
    for (std::size_t at = 0; at < kBytes; at += kPage) pages.push_back(memory + at);
    std::vector<int> where(pages.size(), -1);
    ::syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, where.data(), 0);
    std::size_t count = 0;
    for (const int one : where) count += one == node;
    return count;
}

[[noreturn]] void read_at_random(const volatile char* memory) {
    std::uint64_t state = 88172645463325252;
    for (volatile std::uint64_t sum = 0;;) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum = sum + static_cast<std::uint64_t>(memory[state % kBytes]);
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const int cpu = std::atoi(argv[1]);
    const int other_cpu = std::atoi(argv[2]);
    sigset_t go;
    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    sigprocmask(SIG_BLOCK, &go, nullptr);
    void* mapped =
        ::mmap(nullptr, kBytes + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return 1;
    char* memory = static_cast<char*>(mapped);
    memory += (kHuge - reinterpret_cast<std::uintptr_t>(memory) % kHuge) % kHuge;
    ::madvise(memory, kBytes, MADV_NOHUGEPAGE);
    const int node = node_of_cpu(cpu);
    for (std::size_t at = 0; at < kBytes; at += kPage)
        if (at % kHuge < kHuge / 4 * 3) memory[at] = 1;
    node_of_cpu(other_cpu);
    for (std::size_t at = 0; at < kBytes; at += kPage)
        if (at % kHuge >= kHuge / 4 * 3) memory[at] = 1;
    pin(cpu);
    std::thread(read_at_random, memory).detach();
    pin(cpu + 1);
    std::printf("ready\n");
    std::fflush(stdout);
    int number = 0;
    sigwait(&go, &number);
    const std::size_t before = pages_on(memory, node);
    ::madvise(memory, kBytes, MADV_HUGEPAGE);
    if (::madvise(memory, kBytes, kCollapse) != 0) std::perror("MADV_COLLAPSE");
    std::printf("collapsed %zu\n", pages_on(memory, node) - before);
    std::fflush(stdout);
    ::pause();
}
