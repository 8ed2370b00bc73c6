#include "timeline/sample_log.h"

#include <doctest/doctest.h>
#include <tuple>

using namespace numadrift;

namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

void sample(SampleLog& log, std::uint64_t time_ns, std::uint64_t address) {
    log.add(time_ns, address / SampleLog::kLineBytes, Node{0}, 0, false, SampleLog::kExact);
}

std::vector<std::tuple<std::uint64_t, std::uint64_t>> ranges(const SampleLog& log) {
    std::vector<std::tuple<std::uint64_t, std::uint64_t>> ranges;
    for (const auto& range : log.ranges_at_end()) ranges.emplace_back(range.begin, range.end);
    return ranges;
}

} // namespace

TEST_CASE("samples are of ranges with room in between, whole pages, in order of address") {
    SampleLog log;
    CHECK(log.ranges_at_end().empty());
    for (std::uint64_t i = 0; i < 100; ++i) {
        sample(log, i, 64 * kMib + i * 37 % 100 * 8192 + 100);
        sample(log, i, 16 * kMib + i * 4096);
    }
    sample(log, 100, 128 * kMib + 5);
    const std::uint64_t page = 4096;
    CHECK(ranges(log) == std::vector{std::tuple{16 * kMib, 16 * kMib + 100 * page},
                                     std::tuple{64 * kMib, 64 * kMib + 199 * page},
                                     std::tuple{128 * kMib, 128 * kMib + page}});
}

TEST_CASE("samples far apart are of one range where that is usual") {
    SampleLog log;
    for (std::uint64_t i = 0; i < 100; ++i) sample(log, i, (1 + i * 37 % 100) * 8 * kMib);
    CHECK(log.ranges_at_end().size() == 1);
}

TEST_CASE("ranges are of the last samples, of this program's life, and no addresses of the kernel") {
    SampleLog log;
    sample(log, 1, 16 * kMib);
    log.clear_at(5);
    sample(log, 6, 0xffff888000000000);
    sample(log, 7, 64 * kMib);
    CHECK(ranges(log) == std::vector{std::tuple{64 * kMib, 64 * kMib + 4096}});
    for (std::uint64_t i = 0; i < SampleLog::kWindow; ++i) sample(log, 8 + i, 128 * kMib);
    CHECK(ranges(log) == std::vector{std::tuple{128 * kMib, 128 * kMib + 4096}});
}
