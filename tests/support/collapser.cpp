// collapser: memory of small pages that the kernel puts into other ones, of which some lie on another node.
//
//   collapser CPU OTHER_CPU collapse|ksm
//
// Of each 2 MiB the first three quarters are touched from CPU, the last from OTHER_CPU, and a thread on CPU
// reads it all at random; all pages are equal. Prints "ready". Upon SIGUSR1 it has the kernel collapse it
// into huge pages (MADV_COLLAPSE, from 6.1), or merge what is equal (KSM, which is to run), and prints "moved
// PAGES", how many lie on another node than before.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <string>
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

std::vector<int> nodes_of(const char* memory) {
    std::vector<const void*> pages;
    for (std::size_t at = 0; at < kBytes; at += kPage) pages.push_back(memory + at);
    std::vector<int> where(pages.size(), -1);
    ::syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, where.data(), 0);
    return where;
}

void collapse(char* memory) {
    ::madvise(memory, kBytes, MADV_HUGEPAGE);
    if (::madvise(memory, kBytes, kCollapse) != 0) std::perror("MADV_COLLAPSE");
}

long ksm(const char* name) {
    long value = 0;
    std::FILE* file = std::fopen((std::string("/sys/kernel/mm/ksm/") + name).c_str(), "r");
    if (!file || std::fscanf(file, "%ld", &value) != 1) std::perror(name);
    if (file) std::fclose(file);
    return value;
}

// A page is merged in the second scan that finds it as it was.
void merge(char* memory) {
    if (::madvise(memory, kBytes, MADV_MERGEABLE) != 0) std::perror("MADV_MERGEABLE");
    for (const long scans = ksm("full_scans"); ksm("full_scans") < scans + 4;) ::usleep(20'000);
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
    if (argc != 4) return 2;
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
    pin(cpu);
    for (std::size_t at = 0; at < kBytes; at += kPage)
        if (at % kHuge < kHuge / 4 * 3) memory[at] = 1;
    pin(other_cpu);
    for (std::size_t at = 0; at < kBytes; at += kPage)
        if (at % kHuge >= kHuge / 4 * 3) memory[at] = 1;
    pin(cpu);
    std::thread(read_at_random, memory).detach();
    pin(cpu + 1);
    std::printf("ready\n");
    std::fflush(stdout);
    int number = 0;
    sigwait(&go, &number);
    const std::vector<int> before = nodes_of(memory);
    if (std::string(argv[3]) == "ksm") merge(memory);
    else collapse(memory);
    const std::vector<int> after = nodes_of(memory);
    std::size_t moved = 0;
    for (std::size_t page = 0; page < before.size(); ++page) moved += before[page] != after[page];
    std::printf("moved %zu\n", moved);
    std::fflush(stdout);
    ::pause();
}
