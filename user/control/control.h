// How a running recorder is spoken to: one line over a unix socket, one line back. The socket is
// /run/numadrift/PID.sock, for root and for the user who records.
#pragma once

#include "util/file.h"
#include "util/result.h"

#include <functional>
#include <string>
#include <vector>

namespace numadrift::control {

// Where the sockets are; NUMADRIFT_RUN_DIR says otherwise (tests).
std::string directory();

// A recorder's end. Answers at once, when it is asked to look.
class Server {
public:
    // Error: the directory cannot be made, or the socket not bound.
    static Result<Server> open();
    Server(Server&&) = default;
    Server& operator=(Server&&) = default;
    ~Server();

    using Answer = std::function<std::string(const std::string& line)>;
    // Reads what came, answers it, and closes.
    void pass(const Answer& answer) const;

    // Is readable when somebody asks.
    int fd() const { return listener_.get(); }

private:
    explicit Server(Fd listener, std::string path) : listener_(std::move(listener)), path_(std::move(path)) {}

    Fd listener_;
    std::string path_;
};

// Ids of the recorders that run here.
std::vector<int> recorders();

// Says a line to a recorder; what it answered. Error: none runs, more than one does, no permission.
Result<std::string> say(int recorder, const std::string& line);

} // namespace numadrift::control
