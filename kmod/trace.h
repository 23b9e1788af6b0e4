/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: the life of a write, and every message.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ditto

#if !defined(DITTO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DITTO_TRACE_H

#include <linux/tracepoint.h>

#include "applier.h"
#include "compat.h"
#include "connection.h"
#include "peer.h"
#include "request.h"
#include "resource.h"

DECLARE_EVENT_CLASS(ditto_request,
	TP_PROTO(const struct ditto_request *req),
	TP_ARGS(req),
	TP_STRUCT__entry(
		__string(resource, req->res->name)
		__field(u64, position)
		__field(u64, epoch)
		__field(u64, overlap)
		__field(u64, start)
		__field(u64, size)
		__field(u32, flags)
		__field(u8, kind)
		__field(u8, status)
	),
	TP_fast_assign(
		ditto_assign_str(resource, req->res->name);
		__entry->position = req->entry.position;
		__entry->epoch = req->entry.epoch;
		__entry->overlap = req->entry.overlap;
		__entry->start = req->entry.range.start;
		__entry->size = req->entry.range.last + 1 - req->entry.range.start;
		__entry->flags = req->entry.flags;
		__entry->kind = req->entry.kind;
		__entry->status = (__force u8)req->status;
	),
	TP_printk("%s position=%llu epoch=%llu overlap=%llu kind=%u range=%llu+%llu flags=%#x status=%u",
		  __get_str(resource), __entry->position, __entry->epoch, __entry->overlap,
		  __entry->kind, __entry->start, __entry->size, __entry->flags, __entry->status)
);

/* It has its place in the stream. */
DEFINE_EVENT(ditto_request, ditto_add,
	TP_PROTO(const struct ditto_request *req), TP_ARGS(req));
/* It goes to the local disk. */
DEFINE_EVENT(ditto_request, ditto_local,
	TP_PROTO(const struct ditto_request *req), TP_ARGS(req));
/* The user hears. */
DEFINE_EVENT(ditto_request, ditto_done,
	TP_PROTO(const struct ditto_request *req), TP_ARGS(req));

DECLARE_EVENT_CLASS(ditto_header,
	TP_PROTO(const struct ditto_connection *conn, const struct ditto_wire_header *header),
	TP_ARGS(conn, header),
	TP_STRUCT__entry(
		__string(resource, conn->res->name)
		__field(u32, peer)
		__field(u8, type)
		__field(u8, lane)
		__field(u32, sequence)
		__field(u64, position)
		__field(u64, epoch)
		__field(u64, offset)
		__field(u32, size)
		__field(u32, length)
	),
	TP_fast_assign(
		ditto_assign_str(resource, conn->res->name);
		__entry->peer = conn->peer->node_id;
		__entry->type = header->type;
		__entry->lane = header->lane;
		__entry->sequence = header->sequence;
		__entry->position = header->position;
		__entry->epoch = header->epoch;
		__entry->offset = header->offset;
		__entry->size = header->size;
		__entry->length = header->length;
	),
	TP_printk("%s peer=%u lane=%u type=%u sequence=%u position=%llu epoch=%llu range=%llu+%u length=%u",
		  __get_str(resource), __entry->peer, __entry->lane, __entry->type,
		  __entry->sequence, __entry->position, __entry->epoch, __entry->offset,
		  __entry->size, __entry->length)
);

DEFINE_EVENT(ditto_header, ditto_send,
	TP_PROTO(const struct ditto_connection *conn, const struct ditto_wire_header *header),
	TP_ARGS(conn, header));
DEFINE_EVENT(ditto_header, ditto_receive,
	TP_PROTO(const struct ditto_connection *conn, const struct ditto_wire_header *header),
	TP_ARGS(conn, header));

/* The secondary's disk has it. */
TRACE_EVENT(ditto_applied,
	TP_PROTO(const struct ditto_resource *res, const struct ditto_item *item),
	TP_ARGS(res, item),
	TP_STRUCT__entry(
		__string(resource, res->name)
		__field(u64, number)
		__field(u64, start)
		__field(u64, size)
		__field(u8, kind)
	),
	TP_fast_assign(
		ditto_assign_str(resource, res->name);
		__entry->number = item->core.number;
		__entry->start = item->core.range.start;
		__entry->size = item->core.range.last + 1 - item->core.range.start;
		__entry->kind = item->core.kind;
	),
	TP_printk("%s number=%llu kind=%u range=%llu+%llu", __get_str(resource), __entry->number,
		  __entry->kind, __entry->start, __entry->size)
);

#endif /* DITTO_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
