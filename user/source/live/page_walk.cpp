#include "source/live/page_walk.h"

#include "util/file.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace numadrift::live {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr u32 kMostBases = 1u << 18; // two for each GiB: 128 TiB, all there is of a direct map
constexpr std::uint64_t kPagemapPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kPagemapFrame = (std::uint64_t{1} << 55) - 1;

// Bits of a physical address, as the processor says; what encrypts memory lies above.
std::uint64_t frame_mask() {
    std::uint64_t bits = 46;
    if (const auto text = read_file("/proc/cpuinfo"))
        if (const auto at = text->find("address sizes"); at != std::string::npos)
            if (const auto colon = text->find(':', at); colon != std::string::npos)
                bits = std::strtoull(text->c_str() + colon + 1, nullptr, 10);
    bits = std::clamp<std::uint64_t>(bits, 32, 52);
    return ((std::uint64_t{1} << bits) - 1) & ~(kPage - 1);
}

// Memory of our own, of all kinds that look different in a page table.
class Specimen {
public:
    Specimen() {
        void* at = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) return;
        whole_ = static_cast<volatile char*>(at);
        const auto begin = reinterpret_cast<std::uintptr_t>(at);
        huge_ = whole_ + ((begin + kHuge - 1) / kHuge * kHuge - begin);
        small_ = huge_ + 2 * kHuge;
        ::madvise(const_cast<char*>(huge_), 2 * kHuge, MADV_HUGEPAGE);
        ::madvise(const_cast<char*>(small_), kHuge, MADV_NOHUGEPAGE);
        huge_[0] = 1;
        for (std::size_t i = 0; i < kSmallPages; i += 2) small_[i * kPage] = 1; // every second one is a hole
    }
    ~Specimen() {
        if (whole_) ::munmap(const_cast<char*>(whole_), kBytes);
    }
    Specimen(const Specimen&) = delete;
    Specimen& operator=(const Specimen&) = delete;

    bool is_there() const { return whole_ != nullptr; }

    std::vector<std::uint64_t> pages() const {
        std::vector<std::uint64_t> pages = {address(huge_), address(huge_) + 5 * kPage};
        for (std::size_t i = 0; i < kSmallPages; ++i) pages.push_back(address(small_) + i * kPage);
        return pages;
    }

    // Of the zero pages, which are mapped where memory was read and never written.
    std::uint64_t zero() const {
        static_cast<void>(small_[(kSmallPages + 1) * kPage]);
        return address(small_) + (kSmallPages + 1) * kPage;
    }
    std::uint64_t huge_zero() const {
        static_cast<void>(huge_[kHuge]);
        return address(huge_) + kHuge;
    }

private:
    static constexpr std::size_t kBytes = 4 * kHuge;
    static constexpr std::size_t kSmallPages = 64;
    static std::uint64_t address(const volatile char* at) { return reinterpret_cast<std::uintptr_t>(at); }

    volatile char* whole_ = nullptr;
    volatile char* huge_ = nullptr;
    volatile char* small_ = nullptr;
};

// The page frames /proc/self/pagemap tells, 0 where it tells none.
std::vector<std::uint64_t> pagemap_frames(const std::vector<std::uint64_t>& pages) {
    std::vector<std::uint64_t> frames(pages.size());
    const Fd file(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
    for (std::size_t i = 0; i < pages.size(); ++i) {
        std::uint64_t entry = 0;
        const auto offset = static_cast<off_t>(pages[i] / kPage * sizeof entry);
        if (file && ::pread(file.get(), &entry, sizeof entry, offset) == sizeof entry &&
            (entry & kPagemapPresent))
            frames[i] = entry & kPagemapFrame;
    }
    return frames;
}

} // namespace

PageWalk::~PageWalk() {
    bpf_link__destroy(link_);
}

// From 6.1 on the iterator can be told which process to visit; before, it visits all and the program picks.
bool PageWalk::read_for(std::uint32_t pid) {
    if (!link_ || link_pid_ != pid) {
        bpf_link__destroy(link_);
        bpf_iter_link_info which{};
        which.task.pid = pid;
        bpf_iter_attach_opts options{};
        options.sz = sizeof options;
        options.link_info = &which;
        options.link_info_len = sizeof which;
        link_ = bpf_program__attach_iter(program_, &options);
        if (!link_) link_ = bpf_program__attach_iter(program_, nullptr);
        link_pid_ = pid;
    }
    if (!link_) return false;
    query_->pid = pid;
    query_->answered = 0;
    const Fd fd(bpf_iter_create(bpf_link__fd(link_)));
    char nothing[64];
    while (fd && ::read(fd.get(), nothing, sizeof nothing) > 0) {
    }
    return fd && query_->answered != 0;
}

// The next base from `first` on that may be it; false: there is none.
bool PageWalk::find_direct_map(u32& first) {
    settings_->direct_map = settings_->page_map = 0;
    settings_->zero_frame = settings_->huge_zero_frame = 0;
    while (first < kMostBases) {
        query_->question = ND_WALK_base;
        query_->first_base = first;
        if (!read_for(static_cast<std::uint32_t>(::getpid()))) return false;
        first = settings_->direct_map != 0 ? query_->first_base : first + ND_WALK_BASES;
        if (settings_->direct_map != 0) return true;
    }
    return false;
}

int PageWalk::ask(Pid pid, std::span<const std::uint64_t> addresses, std::span<int> status) {
    pinned_.assign(settings_->page_map != 0 ? addresses.size() : 0, false);
    for (std::size_t done = 0; done < addresses.size(); done += ND_WALK_PAGES) {
        const auto some =
            addresses.subspan(done, std::min<std::size_t>(addresses.size() - done, ND_WALK_PAGES));
        std::ranges::copy(some, query_->address);
        query_->question = ND_WALK_nodes;
        query_->pages = static_cast<u32>(some.size());
        if (!read_for(raw(pid))) return ESRCH;
        for (std::size_t i = 0; i < some.size(); ++i) {
            const s32 node = query_->node[i];
            status[done + i] = node >= 0 ? node : node == ND_WALK_FAILED ? -EFAULT : -ENOENT;
            if (!pinned_.empty()) pinned_[done + i] = query_->pinned[i] != 0;
        }
    }
    return 0;
}

std::vector<sampling::AddressRange> PageWalk::populated(Pid pid, sampling::AddressRange range) {
    std::vector<sampling::AddressRange> found;
    const auto add = [&](std::uint64_t begin, std::uint64_t end) {
        if (!found.empty() && found.back().end == begin) found.back().end = end;
        else found.push_back({begin, end});
    };
    query_->question = ND_WALK_populated;
    query_->cursor = range.begin;
    query_->end = range.end;
    for (std::uint64_t steps = 0; query_->cursor < range.end; steps += ND_WALK_PAGES) {
        const std::uint64_t from = query_->cursor;
        query_->pages = 0;
        if (steps >= kMostSteps || !read_for(raw(pid)) || query_->cursor <= from) {
            add(from, range.end);
            break;
        }
        for (u32 i = 0; i < query_->pages; ++i) {
            const std::uint64_t block = std::uint64_t{1} << query_->shift[i];
            const std::uint64_t begin = query_->address[i];
            add(begin, std::min((begin / block + 1) * block, range.end));
        }
    }
    return found;
}

// Only asked for a page that was read and not written: its frame is everybody's.
void PageWalk::learn_zero_page(std::uint64_t address, std::uint32_t shift, u64& frame) {
    std::vector<int> status(1);
    const std::uint64_t addresses[] = {address};
    if (ask(Pid{static_cast<std::uint32_t>(::getpid())}, addresses, status) != 0) return;
    if (query_->shift[0] == shift) frame = query_->frame[0];
}

// Empty if what it says of our own pages is what the kernel says.
std::string PageWalk::prove() {
    const Specimen specimen;
    if (!specimen.is_there()) return "no memory to try it on";
    learn_zero_page(specimen.zero(), 12, settings_->zero_frame);
    learn_zero_page(specimen.huge_zero(), 21, settings_->huge_zero_frame);
    const auto pages = specimen.pages();
    const auto frames = pagemap_frames(pages);
    std::vector<int> walked(pages.size());
    std::vector<int> asked(pages.size());
    if (ask(Pid{static_cast<std::uint32_t>(::getpid())}, pages, walked) != 0)
        return "it found no page table of our own";
    if (::syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, asked.data(), 0) < 0)
        return fmt::format("move_pages cannot be asked ({})", errno_text(errno));
    for (std::size_t i = 0; i < pages.size(); ++i) {
        const bool is_alike = walked[i] >= 0 ? walked[i] == asked[i] : asked[i] < 0;
        if (!is_alike)
            return fmt::format("of a page of our own it says node {}, move_pages says {}", walked[i],
                               asked[i]);
        if (frames[i] != 0 && query_->frame[i] != frames[i])
            return fmt::format("of a page of our own it says frame {:#x}, pagemap says {:#x}",
                               query_->frame[i], frames[i]);
    }
    return {};
}

std::string PageWalk::start(bpf_program* program, nd_page_walk& settings, nd_walk_query& query) {
    program_ = program;
    settings_ = &settings;
    query_ = &query;
    settings = {};
    settings.frame_mask = frame_mask();
    std::string why = "where the kernel has physical memory was not found";
    for (u32 first = 0; find_direct_map(first);) {
        why = prove();
        if (why.empty()) return why;
    }
    settings.direct_map = 0;
    return why;
}

} // namespace numadrift::live
