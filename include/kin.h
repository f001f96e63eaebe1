/* kin.h: structured concurrency for C: every task is somebody's child, every
   error reaches a parent. */
#ifndef KIN_H
#define KIN_H

#include <kin/barrier.h>
#include <kin/base.h>
#include <kin/broadcast.h>
#include <kin/channel.h>
#include <kin/condition.h>
#include <kin/context.h>
#include <kin/defer.h>
#include <kin/error.h>
#include <kin/event.h>
#include <kin/generator.h>
#include <kin/group.h>
#include <kin/jobs.h>
#include <kin/limiter.h>
#include <kin/mutex.h>
#include <kin/park.h>
#include <kin/process.h>
#include <kin/producer.h>
#include <kin/run.h>
#include <kin/scope.h>
#include <kin/select.h>
#include <kin/semaphore.h>
#include <kin/signal.h>
#include <kin/stream.h>
#include <kin/task.h>
#include <kin/time.h>
#include <kin/value.h>

#endif
