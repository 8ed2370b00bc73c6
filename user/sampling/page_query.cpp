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
// A debt silences the samples for a hundred times as long.
constexpr double kMostDebtNs = 4e6;

std::uint64_t thread_cpu_ns() {
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

} // namespace

int move_pages(Pid pid, std::span<const std::uint64_t> addresses, std::span<const int> nodes,
               std::span<int> status) {
    constexpr int kMove = 2; // MPOL_MF_MOVE, include/uapi/linux/mempolicy.h
    const long result =
        ::syscall(SYS_move_pages, raw(pid), addresses.size(), addresses.data(),
                  nodes.empty() ? nullptr : nodes.data(), status.data(), nodes.empty() ? 0 : kMove);
    return result < 0 ? errno : 0;
}

PageQuery::PageQuery()
    : PageQuery([](Pid pid, std::span<const std::uint64_t> addresses,
                   std::span<int> status) { return move_pages(pid, addresses, {}, status); },
                monotonic_ns, thread_cpu_ns, Lock::of_the_process) {}

PageQuery::PageQuery(Ask ask) : PageQuery(std::move(ask), monotonic_ns, thread_cpu_ns, Lock::none) {}

bool PageQuery::hurry() {
    if (lock_ != Lock::none) return false;
    share_ = kShareInAHurry;
    return true;
}

std::size_t PageQuery::allowance() {
    const std::uint64_t now_ns = clock_();
    if (refilled_ns_ == 0) credit_ns_ = kMostCreditNs;
    else credit_ns_ += static_cast<double>(now_ns - refilled_ns_) * share_;
    credit_ns_ = std::min(credit_ns_, kMostCreditNs);
    refilled_ns_ = now_ns;
    return credit_ns_ > 0 ? batch_ : 0;
}

PageQuery::Spent PageQuery::charge_since(const Spent& begin) {
    const Spent end = now();
    const Spent spent{end.cpu_ns - begin.cpu_ns, end.wall_ns - begin.wall_ns};
    credit_ns_ = std::max(credit_ns_ - static_cast<double>(spent.cpu_ns), -kMostDebtNs);
    spent_ns_ += spent.wall_ns;
    return spent;
}

std::optional<std::vector<Node>> PageQuery::ask(Pid pid, std::span<const std::uint64_t> addresses) {
    std::vector<int> status(addresses.size(), -EFAULT);
    const Spent begin = now();
    const int error = ask_(pid, addresses, status);
    const std::uint64_t took_ns = charge_since(begin).wall_ns;
    longest_ns_ = std::max(longest_ns_, took_ns);
    pages_ += addresses.size();
    const bool is_long = lock_ != Lock::none && took_ns > kLongNs;
    batch_ = is_long ? std::max(batch_ / 2, kFewestPages) : std::min(batch_ + kFewestPages, kMostPages);
    is_forbidden_ = error == EPERM || error == EACCES;
    if (error != 0) return std::nullopt;
    std::vector<Node> nodes;
    nodes.reserve(status.size());
    for (const int node : status) nodes.push_back(node >= 0 ? Node{node} : kNoNode);
    return nodes;
}

} // namespace numadrift::sampling
