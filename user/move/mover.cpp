#include "move/mover.h"

#include "probe/topology.h"
#include "sampling/page_query.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/text.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fmt/core.h>
#include <thread>

namespace numadrift::move {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr int kUntold =
    1; // no errno: the kernel stops at a page it cannot move, and says nothing of the rest
constexpr int kRestAsLong = 3; // as moving takes, so that others get the mmap lock

bool is_wanted(const Request& request, sampling::MappingKind kind) {
    return request.mappings.empty() ||
           std::ranges::find(request.mappings, sampling::mapping_name(kind)) != request.mappings.end();
}

bool is_shareable(sampling::MappingKind kind) {
    using enum sampling::MappingKind;
    return kind == shared || kind == file;
}

Error refused(Pid pid, int error) {
    if (error == ESRCH) return {fmt::format("process {} has ended", raw(pid)), {}};
    return {fmt::format("cannot move pages of process {}: {}", raw(pid), errno_text(error)),
            "move_pages(2) needs root, or CAP_SYS_PTRACE for processes of others"};
}

// The next pages of the range, `most` of them; `begin` moves on.
std::vector<std::uint64_t> take_pages(std::uint64_t& begin, std::uint64_t end, std::size_t most) {
    std::vector<std::uint64_t> pages;
    for (; begin < end && pages.size() < most; begin += kPage) pages.push_back(begin);
    return pages;
}

} // namespace

Host this_host() {
    return {
        sampling::move_pages, [](Node node) { return probe::node_meminfo({}, node, "MemFree").value_or(0); },
        [](Node node) { return probe::node_meminfo({}, node, "MemTotal").value_or(0); },
        [](std::uint64_t ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); }, monotonic_ns};
}

std::uint64_t Mover::reserve_bytes(std::uint64_t memory_bytes) {
    return std::max<std::uint64_t>(memory_bytes / 64, std::uint64_t{32} << 20);
}

Mover::Mover(Request request, Host host)
    : request_(std::move(request)), host_(std::move(host)),
      reserve_bytes_(reserve_bytes(host_.memory_bytes(request_.to))) {}

bool Mover::has_room(std::uint64_t pages) const {
    return host_.free_bytes(request_.to) >= pages * kPage + reserve_bytes_;
}

Status Mover::plan_range(std::uint64_t begin, std::uint64_t end) {
    while (begin < end) {
        const auto pages = take_pages(begin, end, kBatch);
        std::vector<int> where(pages.size(), -ENOENT);
        if (const int error = host_.move_pages(request_.pid, pages, {}, where); error != 0)
            return refused(request_.pid, error);
        for (std::size_t i = 0; i < pages.size(); ++i) {
            if (where[i] < 0) continue;
            if (where[i] == raw(request_.to)) ++counts_.there;
            else if (!request_.from || where[i] == raw(*request_.from)) {
                ++counts_.wanted;
                if (!runs_.empty() && runs_.back().end == pages[i]) runs_.back().end += kPage;
                else runs_.push_back({pages[i], pages[i] + kPage});
            }
        }
    }
    return Done{};
}

Result<Counts> Mover::plan(const sampling::Mappings& mappings) {
    auto ranges = request_.ranges;
    if (ranges.empty()) ranges.push_back({0, UINT64_MAX});
    for (const auto& mapping : mappings.all()) {
        if (!is_wanted(request_, mapping.kind)) continue;
        if (!sampling::is_own_memory(sampling::mapping_name(mapping.kind)) &&
            !(request_.shared && is_shareable(mapping.kind)))
            continue;
        for (const auto& range : ranges) {
            const std::uint64_t begin = std::max(mapping.begin, range.begin / kPage * kPage);
            if (auto status = plan_range(begin, std::min(mapping.end, range.end)); !status)
                return status.error();
        }
    }
    return counts_;
}

// One call, and a rest. What did not move is found by asking again.
Mover::Left Mover::move_some(std::span<const std::uint64_t> pages) {
    const std::vector<int> nodes(pages.size(), raw(request_.to));
    std::vector<int> why(pages.size(), kUntold);
    std::vector<int> where(pages.size(), -ENOENT);
    Left left;
    const std::uint64_t begin_ns = host_.now_ns();
    left.error = host_.move_pages(request_.pid, pages, nodes, why);
    host_.pause((host_.now_ns() - begin_ns) * kRestAsLong);
    if (host_.move_pages(request_.pid, pages, {}, where) != 0) {
        counts_.gone += pages.size();
        return left;
    }
    for (std::size_t i = 0; i < pages.size(); ++i) {
        if (where[i] == raw(request_.to)) ++counts_.moved;
        else if (where[i] < 0) ++counts_.gone;
        else {
            left.pages.push_back(pages[i]);
            left.why.push_back(why[i]);
        }
    }
    return left;
}

void Mover::count_left(int status) {
    if (status == -EACCES) ++counts_.shared;
    else if (status == -ENOMEM) ++counts_.refused;
    else ++counts_.busy;
}

// The kernel stops at a page that it cannot move: what lies behind it has another chance. Answers how many
// moved.
Result<std::uint64_t> Mover::move_batch(std::span<const std::uint64_t> pages) {
    const std::uint64_t before = counts_.moved;
    const Left left = move_some(pages);
    if (left.error == EPERM || left.error == EACCES || left.error == EINVAL)
        return refused(request_.pid, left.error);
    for (std::size_t i = 0; i < left.pages.size(); i += kSmallBatch)
        for (const int why :
             move_some(std::span(left.pages).subspan(i, std::min(kSmallBatch, left.pages.size() - i))).why)
            count_left(why);
    return counts_.moved - before;
}

std::uint64_t Mover::not_seen_to() const {
    return counts_.wanted - counts_.moved - counts_.shared - counts_.busy - counts_.refused - counts_.gone;
}

Result<Counts> Mover::move(const std::function<void(const Counts&)>& progress) {
    if (!has_room(counts_.wanted))
        return Error{fmt::format("node {} has {} free, {} are to be moved there, and {} stay free",
                                 raw(request_.to), size_text(host_.free_bytes(request_.to)),
                                 size_text(counts_.wanted * kPage), size_text(reserve_bytes_)),
                     "free memory there first, or move less: --range"};
    int in_vain = 0;
    for (const auto& run : runs_)
        for (std::uint64_t at = run.begin; at < run.end;) {
            const auto pages = take_pages(at, run.end, kBatch);
            if (!has_room(pages.size())) { // somebody else took it
                counts_.refused += not_seen_to();
                return counts_;
            }
            const auto moved = move_batch(pages);
            if (!moved) return moved.error();
            in_vain = *moved > 0 ? 0 : in_vain + 1;
            if (in_vain >= kMostInVain) {
                counts_.untried = not_seen_to();
                return counts_;
            }
            progress(counts_);
        }
    return counts_;
}

} // namespace numadrift::move
