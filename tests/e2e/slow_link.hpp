// The way between a device and the broker as a test wants it: slow towards the device, so that a
// download lasts long enough to be met in the middle, and cut and mended at will. Emulated devices
// are otherwise done within milliseconds. One thread.
#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <thread>

namespace tinsmith::e2e {

class SlowLink {
  public:
    // Listens on a free loopback port and passes everything on to and from `port`. Throws
    // std::runtime_error when it cannot listen.
    SlowLink(int port, int bytesPerSecond);
    SlowLink(const SlowLink&) = delete;
    SlowLink& operator=(const SlowLink&) = delete;
    ~SlowLink();

    int port() const { return port_; }
    void setRate(int bytesPerSecond) { rate_ = bytesPerSecond; }
    // Ends all connections with what is in them; new ones are refused until `mend`.
    void cut();
    void mend() { whole_ = true; }

  private:
    struct Pair {
        int device = -1;
        int broker = -1;
        double allowance = 0;  // bytes that may go to the device now
    };

    void serve();
    void accept();
    [[nodiscard]] bool pass(Pair& pair, double seconds) const;
    static void close(Pair& pair);

    int target_;
    int port_ = 0;
    int listener_ = -1;
    std::atomic<int> rate_;
    std::atomic<bool> whole_ = true;
    std::atomic<bool> stop_ = false;
    std::mutex mutex_;  // guards pairs_
    std::list<Pair> pairs_;
    std::thread thread_;
};

}  // namespace tinsmith::e2e
