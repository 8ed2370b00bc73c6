#include "report/series.h"

#include <algorithm>

namespace numadrift {

std::optional<double> Slice::locality() const {
    if (profiled_ns < 1) return std::nullopt;
    return 1 - remote_ns / profiled_ns;
}

std::vector<Slice> slices_of(const Report& report, std::size_t count) {
    if (report.duration_ns == 0 || count == 0) return {};
    std::vector<Slice> slices(count);
    const double length_ns = static_cast<double>(report.duration_ns) / static_cast<double>(count);
    const auto begin_of = [length_ns](std::size_t at) { return static_cast<double>(at) * length_ns; };
    const auto slice_of = [&](std::uint64_t time_ns) {
        return std::min(count - 1, static_cast<std::size_t>(static_cast<double>(time_ns) / length_ns));
    };
    for (std::size_t at = 0; at < count; ++at) slices[at].begin_ns = static_cast<std::uint64_t>(begin_of(at));
    for (const ThreadReport& thread : report.threads)
        for (const StandingSpan& span : thread.locality.spans) {
            if (span.ran_ns == 0) continue;
            const auto begin = static_cast<double>(span.begin_ns);
            const auto end = static_cast<double>(span.end_ns);
            for (std::size_t at = slice_of(span.begin_ns); at <= slice_of(span.end_ns); ++at) {
                const double part =
                    span.end_ns == span.begin_ns
                        ? 1
                        : std::max(0.0, std::min(end, begin_of(at + 1)) - std::max(begin, begin_of(at))) /
                              (end - begin);
                const double ran_ns = part * static_cast<double>(span.ran_ns);
                slices[at].ran_ns[span.node] += ran_ns;
                if (span.standing == Standing::unknown) continue;
                slices[at].profiled_ns += ran_ns;
                slices[at].remote_ns += part * span.remote_ns;
            }
        }
    return slices;
}

} // namespace numadrift
