// sampled: what the samples of a trace say of two regions of memory.
//
//   sampled TRACE A_BEGIN A_END B_BEGIN B_END
//
// Prints "taken N exact N base N in_a N in_b N share_a S", all of exact samples but the first; the user's
// ends of copies are exact, the kernel's are left out.
#include "sampling/raw_sample.h"
#include "trace_events.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
    using namespace numadrift;
    if (argc != 6) return 2;
    std::uint64_t bounds[4];
    for (int i = 0; i < 4; ++i) bounds[i] = std::strtoull(argv[2 + i], nullptr, 16);
    std::uint64_t taken = 0;
    std::uint64_t exact = 0;
    std::uint64_t base = 0;
    std::uint64_t in_a = 0;
    std::uint64_t in_b = 0;
    const bool is_read = test::for_each_event(argv[1], [&](const Event& event) {
        if (const auto* counts = std::get_if<Sampling>(&event.payload)) taken += counts->taken;
        const auto* sample = std::get_if<AccessSample>(&event.payload);
        if (!sample) return;
        const bool is_copy = sample->how == ND_SAMPLE_copy;
        if (is_copy && !nd_is_user(sample->address)) return;
        if (sample->how != ND_SAMPLE_exact && !is_copy) {
            ++base;
            return;
        }
        ++exact;
        in_a += sample->address >= bounds[0] && sample->address < bounds[1];
        in_b += sample->address >= bounds[2] && sample->address < bounds[3];
    });
    if (!is_read) return 1;
    const auto both = static_cast<double>(in_a + in_b);
    std::printf("taken %llu exact %llu base %llu in_a %llu in_b %llu share_a %.3f\n",
                static_cast<unsigned long long>(taken), static_cast<unsigned long long>(exact),
                static_cast<unsigned long long>(base), static_cast<unsigned long long>(in_a),
                static_cast<unsigned long long>(in_b), both > 0 ? static_cast<double>(in_a) / both : -1.0);
}
