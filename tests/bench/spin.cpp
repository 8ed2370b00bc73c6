// spin SECONDS: random reads of 64 MiB as fast as one thread can. Prints how many a second, over all
// and in the best round of some 10 ms.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

double now_s() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

} // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 1;
    const std::vector<std::uint64_t> memory(std::size_t{8} << 20, 1);
    constexpr std::uint64_t kReads = 2'000'000;
    std::uint64_t state = 1;
    std::uint64_t sum = 0;
    std::uint64_t reads = 0;
    double best_s = 1e9;
    const double begin_s = now_s();
    double round_s = begin_s;
    while (round_s - begin_s < seconds) {
        for (std::uint64_t i = 0; i < kReads; ++i) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += memory[(state >> 33) % memory.size()];
        }
        const double end_s = now_s();
        best_s = std::min(best_s, end_s - round_s);
        round_s = end_s;
        reads += kReads;
    }
    std::printf("%.0f %.0f %s\n", static_cast<double>(reads) / (round_s - begin_s), kReads / best_s,
                sum == 0 ? "" : "done");
}
