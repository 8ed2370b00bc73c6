// The BPF programs, loaded and attached: whatever of the catalogue this kernel takes. Detached and
// unloaded when destroyed.
#pragma once

#include "source/live/clocks.h"
#include "source/live/hooks.h"
#include "source/live/kernel_side.h"
#include "source/live/page_walk.h"
#include "timeline/ids.h"
#include "util/file.h"

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift::live {

struct ProgramOptions {
    bool tracepoints_only = false; // leave fentry alone even where it could be had
    std::vector<nd_pfn_range> pfn_ranges;
    std::vector<u32> cpus;     // whose clocks take samples
    u32 sample_hz = 0;         // of each CPU; 0: no samples
    u32 wake_bytes = 1u << 20; // the reader is woken when so much is in a ring; a power of two
    bool follows_children = true;
    u32 node_ids = 1;        // nr_node_ids: highest possible node, plus 1
    bool looks_only = false; // only what is needed to look at processes (look.h)
};

class Programs {
public:
    // Error: the core cannot be had (no BTF, no privilege, a kernel before 5.10).
    static Result<std::unique_ptr<Programs>> attach(const ProgramOptions& options);
    ~Programs();

    const std::vector<SourceState>& sources() const { return sources_; }

    bool is_attached(std::string_view program) const;

    // Table of targets, one byte a process id: shared memory with the kernel side.
    u8* targets() { return skeleton_->bss->targets; }

    // Makes the kernel side write the events of CPUs on `node` into this ring.
    Status use_ring(u32 node, int ring_fd);

    // Emitted and lost by kind, over all CPUs.
    std::vector<nd_count> counts() const;

    // All threads of the targets now. What the kernel side cannot give is left out.
    std::vector<nd_task_row> tasks() const { return read_iterator<nd_task_row>("each_task"); }

    // Faults NUMA balancing has counted, of all threads of the targets that have any.
    std::vector<nd_faults_row> numa_faults() const {
        return read_iterator<nd_faults_row>("each_numa_faults");
    }

    // Mappings of the process that have a memory policy of their own. None: this kernel cannot tell.
    std::optional<std::vector<nd_vma_row>> policies(Pid pid) const;

    // To be called often while it records: samples are not to be in step with what they are of.
    void vary_clocks(std::uint64_t now_ns) {
        if (clocks_) clocks_->pass(now_ns);
    }

    // The ring of raw samples, -1 where there is none.
    int samples_fd() const;

    // Tells the sampling program how to work out the address for the code of this key.
    void learn(const nd_recipe_key& key, const nd_recipe& recipe) const;

    // Pages by page tables; off where the source page_walk is.
    PageWalk& walk() { return walk_; }

    // Programs in the path of page faults can be switched: first touches and hint faults.
    static constexpr std::array kSwitched = {ND_EVENT_first_touch, ND_EVENT_hint_fault};
    // Switched on they look at nothing before end_fault_slice() says until when.
    Status switch_fault_path(bool on);
    // In CLOCK_MONOTONIC. 0: without an end.
    void end_fault_slice(std::uint64_t at_ns) { skeleton_->data_slice->fault_slice_end_ns = at_ns; }

    // Of all programs, and of those that can be switched: ns while bpf_enable_stats was on, and runs the
    // kernel left out because the program was running already on that CPU (bpf_prog_info::recursion_misses,
    // from 5.12).
    struct RunTime {
        u64 ns = 0;
        u64 gated_ns = 0;
        u64 missed = 0;
    };
    RunTime run_time() const;

    // No more events after this; counts and rings stay readable.
    void detach();

private:
    struct Destroy {
        void operator()(nd_skeleton* skeleton) const { nd_skeleton__destroy(skeleton); }
    };
    using Skeleton = std::unique_ptr<nd_skeleton, Destroy>;

    struct Offender {
        std::string program; // empty: not one program's fault
        std::string why;
        int error = 0;
    };
    Programs() = default;
    std::optional<Offender> try_choice(const Choice& choice, const KernelBtf& kernel,
                                       const ProgramOptions& options);

    std::optional<Offender> load(const Choice& choice, const KernelBtf& kernel, const ProgramOptions& options,
                                 bool uses_task_storage);
    std::optional<Offender> attach_program(const Hook& hook, const ProgramOptions& options);
    std::optional<Offender> attach_clocks(const Hook& hook, const ProgramOptions& options);
    std::optional<Offender> start_walking();
    std::string read_iterator(const std::string& program) const;
    template <class Row> std::vector<Row> read_iterator(const std::string& program) const {
        return rows_of<Row>(read_iterator(program));
    }
    template <class Row> static std::vector<Row> rows_of(const std::string& bytes) {
        std::vector<Row> rows(bytes.size() / sizeof(Row));
        if (!rows.empty()) std::memcpy(rows.data(), bytes.data(), rows.size() * sizeof(Row));
        return rows;
    }

    Skeleton skeleton_;
    struct Attached {
        const Hook* hook;
        bpf_link* link;
    };
    std::vector<Attached> links_;
    std::vector<const Hook*> fault_path_; // in the order they are to be attached
    std::map<std::string, bpf_link*> iterators_;
    PageWalk walk_;
    bool has_policies_ = false; // the iterator of policies is loaded
    std::optional<Clocks> clocks_;
    std::vector<SourceState> sources_;
};

// Which page frames are on which node, as the kernel side has it. `root` stands before /sys.
std::vector<nd_pfn_range> pfn_ranges(const std::string& root);

// Why this kernel refuses fentry programs; empty if it takes them. By trying, not by version.
std::string why_no_fentry(const KernelBtf& kernel);

} // namespace numadrift::live
