#include "memory.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <linux/io_uring.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace drifter {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

int node_of(int cpu, const Machine& machine) {
    return cpu / (machine.cpus / machine.nodes);
}

void check(bool is_good, const std::string& what) {
    if (!is_good) throw std::runtime_error(what + " failed");
}

void bind_memory(char* memory, std::size_t bytes, int mode, unsigned long nodes, unsigned flags) {
    check(::syscall(SYS_mbind, memory, bytes, mode, &nodes, 64, flags) == 0, "mbind");
}

// As buffers of devices are: the kernel cannot move them. Until the process ends, for the ring is kept open.
void register_buffer(char* memory, std::size_t bytes) {
    io_uring_params params{};
    const auto ring = ::syscall(SYS_io_uring_setup, 1, &params);
    check(ring >= 0, "io_uring_setup");
    const iovec buffer{memory, bytes};
    check(::syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) == 0,
          "IORING_REGISTER_BUFFERS");
}

} // namespace

std::uint64_t now_ns(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

void pin(int tid, int cpu, int cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < cpus; ++i)
        if (cpu < 0 || i == cpu) CPU_SET(i, &set);
    check(::sched_setaffinity(tid, sizeof set, &set) == 0, "sched_setaffinity");
}

char* allocate_memory(const Worker& worker, const Machine& machine) {
    const std::size_t bytes = static_cast<std::size_t>(worker.memory_kib) * 1024;
    const bool is_thp = worker.memory == "thp";
    const int flags = MAP_ANONYMOUS | (worker.memory == "shared" ? MAP_SHARED : MAP_PRIVATE) |
                      (worker.memory == "hugetlb" ? MAP_HUGETLB : 0);
    void* mapped = ::mmap(nullptr, bytes + (is_thp ? kHugePage : 0), PROT_READ | PROT_WRITE, flags, -1, 0);
    check(mapped != MAP_FAILED, "mmap of " + worker.memory + " memory");
    auto* memory = static_cast<char*>(mapped);
    if (is_thp) {
        memory += (kHugePage - reinterpret_cast<std::uintptr_t>(memory) % kHugePage) % kHugePage;
        ::madvise(memory, bytes, MADV_HUGEPAGE);
    } else if (worker.memory != "hugetlb") ::madvise(memory, bytes, MADV_NOHUGEPAGE);
    if (worker.policy == "interleave")
        bind_memory(memory, bytes, MPOL_INTERLEAVE, (1ul << machine.nodes) - 1, 0);
    if (worker.policy == "bind")
        bind_memory(memory, bytes, MPOL_BIND, 1ul << node_of(worker.parts.front().cpu, machine), 0);
    return memory;
}

void touch(char* memory, std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; at += kPage) {
        volatile char* byte = memory + at;
        *byte = static_cast<char>(*byte + 1);
    }
}

void place_memory(const Worker& worker, char* memory, const Machine& machine) {
    std::size_t at = 0;
    for (const Part& part : worker.parts) {
        pin(0, part.cpu, machine.cpus);
        const std::size_t end = at + static_cast<std::size_t>(part.kib) * 1024;
        touch(memory, at, end);
        at = end;
    }
    if (worker.memory == "pinned") register_buffer(memory, at);
}

MemorySample sample_memory(const char* memory, std::size_t bytes, int nodes) {
    // Scattered: even steps would meet one node of interleaved memory only.
    const std::size_t pages = bytes / kPage;
    std::vector<const void*> addresses;
    for (std::size_t i = 0; i < std::min<std::size_t>(pages, 64); ++i)
        addresses.push_back(memory + (pages <= 64 ? i : i * 40503 % pages) * kPage);
    std::vector<int> where(addresses.size(), -1);
    ::syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nullptr, where.data(), 0);
    MemorySample sample{now_ns(), std::vector<int>(static_cast<std::size_t>(nodes))};
    for (const int node : where)
        if (node >= 0 && node < nodes) ++sample.pages[static_cast<std::size_t>(node)];
    return sample;
}

void move_memory(const MemoryMove& move, char* memory, std::size_t bytes, const Machine& machine) {
    const int to = node_of(move.cpu, machine);
    if (move.how == "mbind") bind_memory(memory, bytes, MPOL_BIND, 1ul << to, MPOL_MF_MOVE);
    else if (move.how == "move_pages") {
        std::vector<void*> addresses;
        for (std::size_t at = 0; at < bytes; at += kPage) addresses.push_back(memory + at);
        const std::vector<int> nodes(addresses.size(), to);
        std::vector<int> status(addresses.size());
        check(::syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nodes.data(), status.data(),
                        MPOL_MF_MOVE) >= 0,
              "move_pages");
    } else if (move.how == "migrate_pages") {
        std::string words[] = {"drifter",          "migrate", std::to_string(::getpid()),
                               std::to_string(to), "--nodes", std::to_string(machine.nodes)};
        char* arguments[7] = {};
        for (std::size_t i = 0; i < 6; ++i) arguments[i] = words[i].data();
        pid_t child = 0;
        int status = 1;
        check(::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ) == 0 &&
                  ::waitpid(child, &status, 0) == child && status == 0,
              "migrate_pages");
    } else {
        std::ofstream mems("/sys/fs/cgroup/drifter/cpuset.mems"); // from 5.14 on it moves the pages too
        mems << to << std::flush;
        check(mems.good(), "writing cpuset.mems");
    }
}

int migrate_process(int pid, int to_node, int nodes) {
    const unsigned long to = 1ul << to_node;
    const unsigned long from = ((1ul << nodes) - 1) & ~to;
    return ::syscall(SYS_migrate_pages, pid, 64, &from, &to) < 0 ? 1 : 0;
}

} // namespace drifter
