#include "sampling/page_query.h"

#include "util/clock.h"

#include <algorithm>
#include <cerrno>
#include <sys/syscall.h>
#include <unistd.h>

namespace numadrift::sampling {
namespace {

// A batch that takes longer waited for the mmap lock, or for its CPU: the next ones are smaller.
constexpr std::uint64_t kLongNs = 400'000;
constexpr double kMostCreditNs = 5e6;
constexpr double kMostChargeNs = 50e6;

int move_pages(Pid pid, std::span<const std::uint64_t> addresses, std::span<int> status) {
    const long failed =
        ::syscall(SYS_move_pages, raw(pid), addresses.size(), addresses.data(), nullptr, status.data(), 0);
    return failed < 0 ? errno : 0;
}

} // namespace

PageQuery::PageQuery() : PageQuery(move_pages, monotonic_ns) {}

std::size_t PageQuery::allowance() {
    const std::uint64_t now_ns = clock_();
    if (refilled_ns_ == 0) credit_ns_ = kMostCreditNs;
    else credit_ns_ += static_cast<double>(now_ns - refilled_ns_) * kShareOfTime;
    credit_ns_ = std::min(credit_ns_, kMostCreditNs);
    refilled_ns_ = now_ns;
    return credit_ns_ > 0 ? batch_ : 0;
}

// A long wait for the lock of a process that hangs is a debt of some seconds, not of minutes.
void PageQuery::charge(std::uint64_t ns) {
    credit_ns_ -= std::min(static_cast<double>(ns), kMostChargeNs);
    spent_ns_ += ns;
}

std::optional<std::vector<Node>> PageQuery::ask(Pid pid, std::span<const std::uint64_t> addresses) {
    std::vector<int> status(addresses.size(), -EFAULT);
    const std::uint64_t begin_ns = clock_();
    const int error = ask_(pid, addresses, status);
    const std::uint64_t took_ns = clock_() - begin_ns;
    charge(took_ns);
    longest_ns_ = std::max(longest_ns_, took_ns);
    pages_ += addresses.size();
    batch_ =
        took_ns > kLongNs ? std::max(batch_ / 2, kFewestPages) : std::min(batch_ + kFewestPages, kMostPages);
    is_forbidden_ = error == EPERM || error == EACCES;
    if (error != 0) return std::nullopt;
    std::vector<Node> nodes;
    nodes.reserve(status.size());
    for (const int node : status) nodes.push_back(node >= 0 ? Node{node} : kNoNode);
    return nodes;
}

} // namespace numadrift::sampling
