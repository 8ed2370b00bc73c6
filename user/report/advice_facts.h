// What must hold before something is advised, as far as the recording knows it: where there is memory and
// room, which CPUs may be used and how many are needed, what of a process' memory is its own.
#pragma once

#include "report/report.h"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace numadrift {

inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr double kWorthDoing = 0.9; // what is to be left of what is remote, at most
inline constexpr double kMuchMore = 0.1;   // of a thread's CPU time, to be remote that was not

class AdviceFacts {
public:
    explicit AdviceFacts(const Report& report) : report_(report) {}

    bool has_memory(Node node) const;

    // CPUs of the node that are online and in the cpusets of these threads of the process (not in their
    // affinity: that can be set); where no cpuset is known, all that are online.
    using Threads = std::vector<const ThreadReport*>;
    std::vector<Cpu> cpus_for(Pid pid, Node node, const Threads& threads) const;

    // CPUs kept busy by these threads, wherever they ran.
    static double cpus_used_by(std::span<const ThreadReport* const> threads);

    // Of a node, for some threads of a process: the CPUs they want, those they may use there, and how many of
    // these are kept busy by others: by those that are sent there too, by the other targets, and by what else
    // runs on the host, where that was counted (over the whole recording or its last seconds, whichever is
    // more). What else runs may be on CPUs that are not theirs, as far as it fits there.
    struct Capacity {
        double wanted = 0;
        double taken = 0;
        std::size_t cpus = 0;
        bool suffices() const { return waiting() == 0; }
        double waiting() const; // CPUs' worth of work that would wait for a CPU there
    };
    Capacity capacity_for(Pid pid, Node node, const Threads& threads, const Threads& sent_too) const;

    // Of what these threads use, as samples have it: the share that lies in the page cache, which is no
    // process' memory and stays where a file was read first, and the node that has nearly all of it.
    struct Cached {
        double share = 0;
        Node node = kNoNode; // none: it is on several
    };
    static Cached cached_by(std::span<const ThreadReport* const> threads);

    // Of the process on the node, by the last survey: pages that are its own (heap, stacks, anonymous
    // memory), and that may be others' too, or are in huge pages of hugetlb. None: it was not surveyed.
    struct Memory {
        std::uint64_t own_pages = 0;
        std::uint64_t other_pages = 0;
    };
    std::optional<Memory> memory_on(Pid pid, Node node) const;

    // When that survey was. None: it was not surveyed.
    std::optional<std::uint64_t> surveyed_ns(Pid pid) const;

    // Of what is the process' own, by devices, RDMA or io_uring, on the node or, where nobody could tell,
    // anywhere: it cannot be moved.
    std::uint64_t pinned_bytes_on(Pid pid, Node node) const;

    // More is pinned than half of what is its own on the node. False where that was not surveyed.
    bool is_pinned_on(Pid pid, Node node) const;

    // Of the whole process, on all nodes.
    std::optional<std::uint64_t> resident_bytes(Pid pid) const;

    // Free on the node at the end of the recording, less what is to stay free; none where that was not
    // counted.
    std::optional<std::uint64_t> room_on(Node node) const;

    // Is more than half of it in mappings with this policy ("interleave")?
    bool has_policy(Pid pid, std::string_view policy) const;

    // The policy ("bind 1") that half of what the process has on the node, or more, was placed by: that of
    // the mappings, or of the thread for those that have none. Empty: by where it was touched first, or not
    // known.
    std::string placed_by(const ThreadReport& thread, Node node) const;

    // Does NUMA balancing look at most of what the process has on the node? Not at hugetlb, nor at files that
    // are only read (task_numa_work(), kernel/sched/fair.c; files may be: they are left out), nor where the
    // mapping or the thread has a policy without MPOL_F_NUMA_BALANCING (vma_policy_mof(), mm/mempolicy.c; on
    // 5.10 and 6.12 not one hint fault under any policy). What is not known is taken to be looked at.
    bool is_scanned(const ThreadReport& thread, Node node) const;

    // Of the recorded host: NUMA_BALANCING_MEMORY_TIERING, which is mode 2 of the switch, came with 5.18.
    bool is_kernel_since(int major, int minor) const;

private:
    // Of what the process has on the node, the share in mappings like that. None: it was not surveyed.
    std::optional<double> share_of(Pid pid, Node node,
                                   const std::function<bool(const Residency&)>& is_like_that) const;
    struct Used {
        double by_targets = 0;
        double by_others = 0;
    };
    Used cpus_used_on(Node node, std::span<const ThreadReport* const> but) const;
    Used used_since(std::uint64_t begin_ns, Node node, std::span<const ThreadReport* const> but) const;

    const Report& report_;
};

} // namespace numadrift
