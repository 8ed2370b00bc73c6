#include "report/own_ranges.h"

#include <algorithm>

namespace numadrift {
namespace {

constexpr std::size_t kMostRanges = 8;
constexpr double kLeastPart = 0.05; // of all samples: what is used less is not worth a range

bool is_among(const ThreadReport& thread, std::span<const ThreadReport* const> threads) {
    return std::ranges::find(threads, &thread) != threads.end();
}

bool overlaps(const SampleLog::Range& range, const std::vector<SampleLog::Range>& others) {
    return std::ranges::any_of(others, [&](const SampleLog::Range& other) {
        return range.begin < other.end && other.begin < range.end;
    });
}

} // namespace

std::vector<SampleLog::Range> own_ranges(const Report& report, std::span<const ThreadReport* const> threads) {
    std::vector<SampleLog::Range> all;
    for (const ThreadReport* thread : threads)
        all.insert(all.end(), thread->ranges_at_end.begin(), thread->ranges_at_end.end());
    std::ranges::sort(all, {}, &SampleLog::Range::begin);
    std::vector<SampleLog::Range> ranges; // those of several threads may overlap
    for (const SampleLog::Range& range : all)
        if (!ranges.empty() && range.begin <= ranges.back().end) {
            ranges.back().end = std::max(ranges.back().end, range.end);
            ranges.back().samples += range.samples;
        } else ranges.push_back(range);
    std::size_t samples = 0;
    for (const SampleLog::Range& range : all) samples += range.samples;
    std::erase_if(ranges, [&](const SampleLog::Range& range) {
        return static_cast<double>(range.samples) < kLeastPart * static_cast<double>(samples);
    });
    if (ranges.size() > kMostRanges) return {};
    for (const ThreadReport& other : report.threads) {
        if (threads.empty() || other.pid != threads.front()->pid || is_among(other, threads)) continue;
        if (std::ranges::any_of(
                ranges, [&](const SampleLog::Range& range) { return overlaps(range, other.ranges_at_end); }))
            return {};
    }
    return ranges;
}

} // namespace numadrift
