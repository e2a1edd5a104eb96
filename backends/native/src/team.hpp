// Threads that sleep when no call wants them. A thread is made when a call first wants it, and never more of them than
// one call asked for: of two calls at once, the second does with the threads the first one left. Starting a thread takes
// 20 to 40 microseconds; waking one takes 3 to 5 of its caller's, and some 50 until it runs. A sleeping thread holds
// nothing and is never joined: the end of the process ends it. After a fork the child has no such threads and forgets
// them.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace eigcore {

// Look for so long whether the other side has moved on, before sleeping.
template <class Waiting>
void look(Waiting waiting, std::chrono::microseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (waiting() && std::chrono::steady_clock::now() < until) {
#if defined(__x86_64__)
    _mm_pause();
#endif
  }
}

class Helper {
  enum State { idle, asked, running };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<State> state_{idle};
  void (*work_)(void*, int) = nullptr;
  void* context_ = nullptr;
  int number_ = 0;
#if defined(__linux__)
  pthread_t thread_;
  int left_ = -1;
#endif

  void loop() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return state_ == asked; });
      state_ = running;
      lock.unlock();
      work_(context_, number_);
      lock.lock();
      state_ = idle;
      changed_.notify_one();
      lock.unlock();
      // As long as waking takes: at most twice the cost of knowing when the next call comes (Karlin, Manasse, McGeoch &
      // Owicki, "Competitive randomized algorithms for nonuniform problems", Algorithmica 1994).
      look([&] { return state_ == idle; }, std::chrono::microseconds(50));
      lock.lock();
    }
  }

 public:
  Helper() {
    std::thread thread([this] { loop(); });
#if defined(__linux__)
    thread_ = thread.native_handle();
#endif
    thread.detach();
  }

  // Linux may wake a thread on the core of its waker although another one is idle, and leave the two there for
  // milliseconds (seen with 6.18 on two cores). So a helper may run where its caller may, except on the caller's own core.
  void leave_core_of_caller() {
#if defined(__linux__)
    const int core = sched_getcpu();
    if (core < 0 || core == left_) return;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    CPU_CLR(core, &allowed);
    if (CPU_COUNT(&allowed) == 0) return;
    if (pthread_setaffinity_np(thread_, sizeof allowed, &allowed) == 0) left_ = core;
#endif
  }

  void ask(void (*work)(void*, int), void* context, int number) {
    leave_core_of_caller();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = work, context_ = context, number_ = number;
      state_ = asked;
    }
    changed_.notify_one();
  }

  // Where the machine is busy a helper may not have begun when all is done: it is not waited for. Otherwise both sides
  // end within a block of each other, so look for some microseconds before going to sleep.
  template <class Meanwhile>
  void finish(Meanwhile meanwhile) {
    look([&] { return state_ == running; }, std::chrono::microseconds(20));
    std::unique_lock<std::mutex> lock(mutex_);
    if (state_ == asked) state_ = idle;
    while (!changed_.wait_for(lock, std::chrono::milliseconds(20), [&] { return state_ == idle; })) {
      lock.unlock();
      meanwhile();
      lock.lock();
    }
  }
};

class Team {
  std::mutex mutex_;
  std::vector<Helper*> idle_;
  std::size_t made_ = 0;
  static inline std::atomic<Team*> team_{nullptr};

 public:
  static Team& of_process() {
    Team* team = team_.load();
    if (team) return *team;
    static std::once_flag once;
    std::call_once(once, [] {
#if defined(__unix__) || defined(__APPLE__)
      pthread_atfork(nullptr, nullptr, [] { team_ = nullptr; });
#endif
    });
    Team* made = new Team;
    if (team_.compare_exchange_strong(team, made)) return *made;
    delete made;
    return *team;
  }

  // At most `count`, fewer where others have them or the system gives no more threads.
  std::vector<Helper*> take(std::size_t count) {
    std::vector<Helper*> taken;
    taken.reserve(count);
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.reserve(count > made_ ? count : made_);
    while (taken.size() < count) {
      if (!idle_.empty()) {
        taken.push_back(idle_.back());
        idle_.pop_back();
      } else if (made_ < count) {
        try {
          taken.push_back(new Helper);
        } catch (...) {
          break;
        }
        ++made_;
      } else {
        break;
      }
    }
    return taken;
  }

  void give_back(const std::vector<Helper*>& helpers) {
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.insert(idle_.end(), helpers.begin(), helpers.end());
  }
};

// work(0) on the calling thread and work(1) ... on as many helpers as there are, up to threads - 1; meanwhile() now and
// then while the calling thread waits for them. Neither may throw.
template <class Work, class Meanwhile>
void together(int threads, Work work, Meanwhile meanwhile) {
  if (threads <= 1) return work(0);
  Team& team = Team::of_process();
  const std::vector<Helper*> helpers = team.take((std::size_t)threads - 1);
  int number = 0;
  for (Helper* h : helpers) h->ask([](void* w, int n) { (*static_cast<Work*>(w))(n); }, &work, ++number);
  work(0);
  for (Helper* h : helpers) h->finish(meanwhile);
  team.give_back(helpers);
}

}  // namespace eigcore
