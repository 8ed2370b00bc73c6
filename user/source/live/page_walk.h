// Pages by walking page tables in BPF (bpf/walk.bpf.c): no lock of the process is taken, and nothing waits.
// Before it is relied on it finds where the kernel has physical memory, and proves itself on pages of our own
// against move_pages(2) and /proc/self/pagemap.
//
// Owns: the question in memory shared with the kernel side. Does not own: loading (programs.h), how often may
// be asked (sampling/page_query.h).
#pragma once

#include "sampling/residency.h"
#include "source/live/kernel_side.h"
#include "timeline/ids.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct bpf_link;

namespace numadrift::live {

class PageWalk {
public:
    PageWalk() = default; // off
    PageWalk(const PageWalk&) = delete;
    PageWalk& operator=(const PageWalk&) = delete;
    ~PageWalk();

    // Begins with the loaded program each_walk, and with its memory. Answers why it cannot be, empty if it
    // can.
    std::string start(bpf_program* program, nd_page_walk& settings, nd_walk_query& query);

    bool is_on() const { return settings_ && settings_->direct_map != 0; }

    // The node of each page, or a negative errno; answers 0 or an errno, as PageQuery::Ask has it.
    int ask(Pid pid, std::span<const std::uint64_t> addresses, std::span<int> status);

    // Which of the pages that were asked for last are pinned; empty where struct page was not found.
    const std::vector<bool>& pinned() const { return pinned_; }

    // The parts of the range that have page tables, in blocks of 2 MiB, joined and in order: all of its
    // memory is there. What is empty costs one step a table that is missing, of 2 MiB to 512 GiB; what lies
    // behind kMostSteps of them, and all of it where the process is gone, is taken for populated.
    std::vector<sampling::AddressRange> populated(Pid pid, sampling::AddressRange range);

private:
    static constexpr std::uint64_t kMostSteps = 1u << 18; // half a TiB that is populated; some 20 ms

    bool read_for(std::uint32_t pid);
    bool find_direct_map(std::uint32_t& first);
    std::string prove();
    void learn_zero_page(std::uint64_t address, std::uint32_t shift, u64& frame);

    bpf_program* program_ = nullptr;
    nd_page_walk* settings_ = nullptr;
    nd_walk_query* query_ = nullptr;
    bpf_link* link_ = nullptr; // of the process asked about last
    std::uint32_t link_pid_ = 0;
    std::vector<bool> pinned_;
};

} // namespace numadrift::live
