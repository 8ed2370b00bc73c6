// Who waits until a recorder records: whoever reads a descriptor it was given (--ready-fd), and the service
// manager that started it ($NOTIFY_SOCKET, see sd_notify(3)).
#pragma once

#include "util/file.h"
#include "util/result.h"

#include <optional>
#include <string>

namespace numadrift::cli {

class Ready {
public:
    // `fd`: what --ready-fd names; it is ours from now on, and no command inherits it. Error: that is no
    // descriptor that can be written. To be called before anything else is opened, which might take that
    // number.
    static Result<Ready> open(std::optional<int> fd);

    // Events flow: a line into the descriptor, which is closed then, and READY=1 to the service manager. Who
    // does not listen any more is told of on stderr; recording goes on.
    void tell();

    // A command that is recorded is the service then: it tells the manager itself.
    void leave_manager_to_command() { notify_socket_.clear(); }

private:
    Fd fd_;
    std::string notify_socket_; // empty: nobody
};

} // namespace numadrift::cli
