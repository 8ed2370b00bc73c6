// Moves a process' own memory to a node, by move_pages(2) with MPOL_MF_MOVE: pages that other processes map
// too stay where they are (migratepages(8), as root, would move them as well). In small batches with pauses
// between them, for the kernel holds the process' mmap lock meanwhile; and never more than the node has free.
//
// Owns: which pages, how fast, when not. Does not own: the command line (cli/move.cpp).
#pragma once

#include "sampling/mappings.h"
#include "sampling/residency.h"
#include "timeline/ids.h"
#include "util/result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace numadrift::move {

struct Request {
    Pid pid{};
    Node to = kNoNode;
    std::optional<Node> from;                   // else: from wherever they are
    std::vector<sampling::AddressRange> ranges; // within these; none: anywhere
    bool shared = false; // mappings of files and shared memory too, though only its own pages
    std::vector<std::string> mappings = {}; // of these kinds, by sampling::mapping_name(); none: of all
};

struct Counts {               // of pages of 4 KiB
    std::uint64_t there = 0;  // were on the node before
    std::uint64_t wanted = 0; // were not
    std::uint64_t moved = 0;
    std::uint64_t shared = 0;  // not moved: other processes map them too
    std::uint64_t untried = 0; // not moved: nothing of the kMostInVain batches before could be
    std::uint64_t busy = 0;    // not moved: pinned, in use by the kernel, or beside a page that is
    std::uint64_t refused = 0; // not moved: no memory there
    std::uint64_t gone = 0;    // ended or freed meanwhile
};

// What the host answers; tests have a host of their own.
struct Host {
    std::function<int(Pid, std::span<const std::uint64_t> pages, std::span<const int> nodes,
                      std::span<int> status)>
        move_pages; // as sampling::move_pages
    std::function<std::uint64_t(Node)> free_bytes;
    std::function<std::uint64_t(Node)> memory_bytes;
    std::function<void(std::uint64_t ns)> pause;
    std::function<std::uint64_t()> now_ns;
};
Host this_host();

class Mover {
public:
    Mover(Request request, Host host);

    // Which pages there are to move. Error: the process is gone, or may not be asked.
    Result<Counts> plan(const sampling::Mappings& mappings);

    // Moves them. `progress` is told now and then. Error: before anything is moved, if the node has too
    // little memory free.
    Result<Counts> move(const std::function<void(const Counts&)>& progress);

    static constexpr int kMostInVain = 16; // batches in a row of which nothing moves: then it ends

    // What stays free on the node, whatever is asked for.
    static std::uint64_t reserve_bytes(std::uint64_t memory_bytes);

private:
    static constexpr std::size_t kBatch = 512;
    static constexpr std::size_t kSmallBatch = 16;

    Status plan_range(std::uint64_t begin, std::uint64_t end);
    struct Left { // of pages that were to be moved: those that are not there, and what was said of each
        std::vector<std::uint64_t> pages;
        std::vector<int> why;
        int error = 0; // of the whole call
    };
    Left move_some(std::span<const std::uint64_t> pages);
    bool has_room(std::uint64_t pages) const;
    void count_left(int status);
    Result<std::uint64_t> move_batch(std::span<const std::uint64_t> pages);
    std::uint64_t not_seen_to() const;

    Request request_;
    Host host_;
    std::uint64_t reserve_bytes_; // of the node
    Counts counts_;
    std::vector<sampling::AddressRange> runs_; // of pages to be moved
};

} // namespace numadrift::move
