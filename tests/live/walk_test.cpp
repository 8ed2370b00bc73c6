#include "source/live/preview.h"
#include "workload.h"

#include <algorithm>
#include <cstdint>
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace numadrift;
using namespace numadrift::test;

namespace {

constexpr std::uint64_t kLooksLikeHugePageAt0 = 0xe3; // present, writable, used, _PAGE_PSE

// Memory that looks like page tables that map all of theirs: where a wrong base of the direct map leads
// there, it seems to be the right one. An eighth of the memory that is free, 3 GiB at most.
void fill_with_decoys(const Kept::Say& say) {
    struct sysinfo host {};
    ::sysinfo(&host);
    const std::size_t bytes = std::min<std::size_t>(host.freeram * host.mem_unit / 8, std::size_t{3} << 30);
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ::madvise(memory, bytes, MADV_HUGEPAGE); // page faults take long on some machines
    std::fill_n(static_cast<std::uint64_t*>(memory), bytes / sizeof(std::uint64_t), kLooksLikeHugePageAt0);
    say('r');
}

bool walks() {
    const auto sources = live::preview_sources();
    if (!sources) return false;
    const auto walk = std::ranges::find(*sources, "page_walk", &SourceState::source);
    return walk != sources->end() && walk->on != 0;
}

} // namespace

// Each process has page tables elsewhere. Before each base was tried on pages of our own, one in seven failed
// here.
TEST_CASE("page tables are found among memory that looks like them") {
    const Kept decoys(fill_with_decoys);
    for (int i = 0; i < 12; ++i) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) ::_exit(walks() ? 0 : 1);
        int status = -1;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
    }
}
