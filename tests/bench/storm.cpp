// storm SECONDS [random|huge]: first touches as fast as one thread can: 4 KiB pages, in order or in an
// order without runs, or transparent huge pages. Prints how many a second, over all and in the best
// round of 64 MiB.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 16384; // 64 MiB a round
constexpr std::size_t kPagesPerHuge = 512;

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
    const std::string kind = argc > 2 ? argv[2] : "";
    const bool huge = kind == "huge";
    const std::size_t step = huge ? kPagesPerHuge : 1;
    std::vector<std::uint32_t> order = order_of_pages(kind == "random");
    std::erase_if(order, [step](std::uint32_t page) { return page % step != 0; });
    void* memory = ::mmap(nullptr, (kPages + kPagesPerHuge) * kPage, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    const std::uintptr_t huge_bytes = kPagesPerHuge * kPage;
    memory = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(memory) + huge_bytes - 1) &
                                     ~(huge_bytes - 1));
    ::madvise(memory, kPages * kPage, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
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
        pages += order.size();
        ::madvise(memory, kPages * kPage, MADV_DONTNEED);
    }
    std::printf("%.0f %.0f\n", static_cast<double>(pages) / touching_s,
                static_cast<double>(order.size()) / best_s);
}
