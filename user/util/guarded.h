// What a thread of ours does, so that what it throws (no memory is left) is an Error and not the end of the
// program.
#pragma once

#include "util/errno_hint.h"
#include "util/result.h"

#include <cerrno>
#include <exception>
#include <new>

namespace numadrift {

template <class Work> Status guarded(Work&& work) {
    try {
        work();
        return Done{};
    } catch (const std::bad_alloc&) {
        return Error{"no memory is left", resource_hint(ENOMEM)};
    } catch (const std::exception& error) {
        return Error{error.what(), {}};
    }
}

} // namespace numadrift
