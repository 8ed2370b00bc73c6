// Memory that a process and those it forks see alike.
#pragma once

#include "util/file.h"

#include <cerrno>
#include <new>
#include <sys/mman.h>
#include <type_traits>
#include <utility>

namespace numadrift::selftest {

template <class Content> class Shared {
public:
    static_assert(std::is_trivially_destructible_v<Content>);

    static Result<Shared> create() {
        void* memory =
            ::mmap(nullptr, sizeof(Content), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return Error{"cannot share memory: " + errno_text(errno), {}};
        return Shared(new (memory) Content{});
    }
    Shared(Shared&& other) noexcept : content_(std::exchange(other.content_, nullptr)) {}
    Shared& operator=(Shared&&) = delete;
    ~Shared() {
        if (content_) ::munmap(content_, sizeof(Content));
    }

    Content* get() const { return content_; }
    Content* operator->() const { return content_; }

private:
    explicit Shared(Content* content) : content_(content) {}

    Content* content_;
};

} // namespace numadrift::selftest
