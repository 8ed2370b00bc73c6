// storm SECONDS [random]: first touches as fast as one thread can, 4 KiB pages, in order or in an
// order without runs. Prints how many a second, over all and in the best round of 16,384 pages.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sys/mman.h>
#include <vector>

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 16384; // 64 MiB a round

double now_s() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::vector<std::uint32_t> order_of_pages(bool random) {
    std::vector<std::uint32_t> order(kPages);
    for (std::uint32_t i = 0; i < kPages; ++i) order[i] = random ? i * 40503U % kPages : i;
    return order;
}

} // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 1;
    const auto order = order_of_pages(argc > 2);
    void* memory =
        ::mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    ::madvise(memory, kPages * kPage, MADV_NOHUGEPAGE);
    auto* bytes = static_cast<volatile char*>(memory);
    const double begin_s = now_s();
    double touching_s = 0;
    double best_s = 1e9;
    std::uint64_t pages = 0;
    while (now_s() - begin_s < seconds) {
        const double round_s = now_s();
        for (const std::uint32_t page : order) bytes[page * kPage] = 1;
        const double took_s = now_s() - round_s;
        touching_s += took_s;
        best_s = std::min(best_s, took_s);
        pages += kPages;
        ::madvise(memory, kPages * kPage, MADV_DONTNEED);
    }
    std::printf("%.0f %.0f\n", static_cast<double>(pages) / touching_s, static_cast<double>(kPages) / best_s);
}
