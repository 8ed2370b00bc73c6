// accessor: works on two regions of memory in a way that is hard on address sampling, with a known
// split. Prints the regions, "A BEGIN END B BEGIN END" in hex, then works for some seconds.
//
//   accessor KIND PERCENT_A SECONDS [MIB [CPU_A CPU_B CPU]]
//
// KIND: chase (pointers), stream (vector loads), bytes (random single bytes), hash (open
// addressing), counter (random bytes, and one counter of all after each, as statistics are kept), btree
// (binary search in sorted nodes), memcpy (libc, out of the region), read (read(2) of /dev/zero into it),
// write (write(2) from it into a pipe), file (pread(2) of files that were written from the CPUs of the
// regions, whose page cache is there). With CPUs, the regions are placed from CPU_A and CPU_B, and the work
// is done on CPU.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t kLine = 64;
// On one region before it is the other's turn, at least; and as much again at random, so that the
// clock of the samples meets no pattern.
constexpr std::uint64_t kSliceNs = 100'000;

volatile std::uint64_t g_sink = 0;

std::uint64_t cpu_ns() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

struct Region {
    unsigned char* memory = nullptr;
    std::size_t bytes = 0;
    std::uint64_t at = 0; // where a worker goes on
    int file = -1;        // with as much in it
};

void pin(int cpu) {
    if (cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
}

std::uint64_t next_random(std::uint64_t& state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 24;
}

// A ring of all cache lines in random order: each holds the address of the next.
void make_chain(Region& region) {
    std::vector<std::uint32_t> order(region.bytes / kLine);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(42));
    for (std::size_t i = 0; i < order.size(); ++i) {
        void* to = region.memory + order[(i + 1) % order.size()] * kLine;
        std::memcpy(region.memory + order[i] * kLine, &to, sizeof to);
    }
    region.at = reinterpret_cast<std::uint64_t>(region.memory + order[0] * kLine);
}

void chase(Region& region) {
    auto* at = reinterpret_cast<void**>(region.at);
    for (int i = 0; i < 1000; ++i) at = static_cast<void**>(*at);
    region.at = reinterpret_cast<std::uint64_t>(at);
}

void stream(Region& region) {
    constexpr std::size_t kStep = 16384;
    if (region.at + kStep > region.bytes) region.at = 0;
    const auto* numbers = reinterpret_cast<const float*>(region.memory + region.at);
    float sums[16] = {};
    for (std::size_t i = 0; i < kStep / sizeof(float); i += 16)
        for (std::size_t lane = 0; lane < 16; ++lane) sums[lane] += numbers[i + lane];
    g_sink = g_sink + static_cast<std::uint64_t>(sums[0] + sums[7]);
    region.at += kStep;
}

void bytes(Region& region) {
    std::uint64_t sum = 0;
    for (int i = 0; i < 1000; ++i) sum += region.memory[next_random(region.at) % region.bytes];
    g_sink = g_sink + sum;
}

void counter(Region& region) {
    static std::atomic<std::uint64_t> looked_up{0};
    std::uint64_t sum = 0;
    for (int i = 0; i < 1000; ++i) {
        sum += region.memory[next_random(region.at) % region.bytes];
        looked_up.fetch_add(1);
    }
    g_sink = g_sink + sum;
}

// Slots of key and value; a lookup walks on from the slot of its hash.
void hash(Region& region) {
    auto* slots = reinterpret_cast<std::pair<std::uint64_t, std::uint64_t>*>(region.memory);
    const std::size_t count = region.bytes / sizeof *slots;
    std::uint64_t sum = 0;
    for (int i = 0; i < 500; ++i) {
        std::size_t slot = next_random(region.at) % count;
        for (int step = 0; step < 4 && slots[slot].first != 1; ++step) slot = slot + 1 < count ? slot + 1 : 0;
        sum += slots[slot].second;
    }
    g_sink = g_sink + sum;
}

// Nodes of 16 keys, each with 16 children below it, laid out as a heap.
void btree(Region& region) {
    struct alignas(64) TreeNode {
        std::uint64_t keys[16];
    };
    auto* nodes = reinterpret_cast<TreeNode*>(region.memory);
    const std::size_t count = region.bytes / sizeof *nodes;
    for (int i = 0; i < 200; ++i) {
        const std::uint64_t wanted = next_random(region.at);
        std::size_t node = 0;
        while (node < count) {
            int key = 0;
            while (key < 15 && nodes[node].keys[key] < (wanted & 0xffff)) ++key;
            node = node * 16 + 1 + (static_cast<std::size_t>(key) ^ (wanted >> (node & 31) & 15));
        }
        g_sink = g_sink + node;
    }
}

void copy(Region& region) {
    static std::vector<char> sink(16384);
    if (region.at + sink.size() > region.bytes) region.at = 0;
    std::memcpy(sink.data(), region.memory + region.at, sink.size());
    asm volatile("" : : "r"(sink.data()) : "memory");
    region.at += sink.size();
}

void read_into(Region& region) {
    static const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    constexpr std::size_t kStep = 262144;
    if (region.at + kStep > region.bytes) region.at = 0;
    if (::read(zero, region.memory + region.at, kStep) < 0) std::exit(3);
    region.at += kStep;
}

void write_from(Region& region) {
    static int ends[2] = {-1, -1};
    static std::vector<char> drain(65536);
    if (ends[0] < 0 && ::pipe(ends) != 0) std::exit(3);
    constexpr std::size_t kStep = 65536;
    if (region.at + kStep > region.bytes) region.at = 0;
    if (::write(ends[1], region.memory + region.at, kStep) < 0) std::exit(3);
    for (std::size_t got = 0; got < kStep;) {
        const ssize_t n = ::read(ends[0], drain.data(), drain.size());
        if (n <= 0) std::exit(3);
        got += static_cast<std::size_t>(n);
    }
    region.at += kStep;
}

void read_file(Region& region) {
    static std::vector<char> buffer(262144);
    if (region.at + buffer.size() > region.bytes) region.at = 0;
    if (::pread(region.file, buffer.data(), buffer.size(), static_cast<off_t>(region.at)) < 0) std::exit(3);
    region.at += buffer.size();
}

Region make_region(std::size_t size, int cpu) {
    // Apart from each other and from all else, so that no mapping joins two of them.
    void* gap = ::mmap(nullptr, size + (std::size_t{4} << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* begin = static_cast<unsigned char*>(gap) + (std::size_t{2} << 20);
    if (gap == MAP_FAILED || ::mprotect(begin, size, PROT_READ | PROT_WRITE) != 0) std::exit(3);
    Region region{begin, size, 0, ::memfd_create("accessor", MFD_CLOEXEC)};
    std::thread([&region, cpu] {
        pin(cpu);
        std::memset(region.memory, 0, region.bytes);
        if (::write(region.file, region.memory, region.bytes) < 0) std::exit(3);
    }).join();
    return region;
}

} // namespace

int main(int argc, char** argv) {
    const std::map<std::string, std::function<void(Region&)>> kKinds = {
        {"chase", chase},      {"stream", stream}, {"bytes", bytes}, {"counter", counter},
        {"hash", hash},        {"btree", btree},   {"memcpy", copy}, {"read", read_into},
        {"write", write_from}, {"file", read_file}};
    const auto kind = argc > 3 ? kKinds.find(argv[1]) : kKinds.end();
    if (kind == kKinds.end()) {
        std::fprintf(stderr, "usage: accessor KIND PERCENT_A SECONDS [MIB [CPU_A CPU_B CPU]]\n");
        return 2;
    }
    const double share = std::atof(argv[2]) / 100;
    const double seconds = std::atof(argv[3]);
    const std::size_t size = (argc > 4 ? static_cast<std::size_t>(std::atoi(argv[4])) : 64) << 20;
    const auto cpu = [&](int at) { return argc > 7 ? std::atoi(argv[at]) : -1; };
    Region a = make_region(size, cpu(5));
    Region b = make_region(size, cpu(6));
    if (kind->first == "chase")
        for (Region* region : {&a, &b}) make_chain(*region);
    pin(cpu(7));
    std::printf("A %p %p B %p %p\n", static_cast<void*>(a.memory), static_cast<void*>(a.memory + size),
                static_cast<void*>(b.memory), static_cast<void*>(b.memory + size));
    std::fflush(stdout);
    // The split is of CPU time, and kept by measuring it: the two may differ in speed.
    std::uint64_t dice = 7;
    double spent_a = 0;
    double spent_b = 0;
    const std::uint64_t begin_ns = cpu_ns();
    for (std::uint64_t now_ns = begin_ns; static_cast<double>(now_ns - begin_ns) < seconds * 1e9;) {
        const bool on_a = spent_a * (1 - share) <= spent_b * share;
        const std::uint64_t slice_ns = now_ns;
        const std::uint64_t wanted_ns = kSliceNs + next_random(dice) % (2 * kSliceNs);
        do kind->second(on_a ? a : b);
        while ((now_ns = cpu_ns()) - slice_ns < wanted_ns);
        (on_a ? spent_a : spent_b) += static_cast<double>(now_ns - slice_ns);
    }
}
