// SPDX-License-Identifier: GPL-2.0
/*
 * sockopt.c - socket options at level SOL_RDS.
 *
 * Options that name RDMA are answered as a stack without RDMA answers them: the fixed size is
 * checked, and nothing in them is read.
 */
#include <linux/capability.h>
#include <linux/rds.h>

#include "rdsz.h"
#include "socket.h"

static int rdsz_get_int(sockptr_t optval, unsigned int optlen, int *value)
{
	if (optlen < sizeof(int))
		return -EINVAL;
	return copy_from_sockptr(value, optval, sizeof(int)) ? -EFAULT : 0;
}

static int rdsz_set_bool(bool *flag, sockptr_t optval, unsigned int optlen)
{
	int value, err = rdsz_get_int(optval, optlen, &value);

	if (!err)
		WRITE_ONCE(*flag, value != 0);
	return err;
}

/*
 * The length tells the form, as in-tree: 16..27 bytes are a sockaddr_in, more a sockaddr_in6, but
 * an AF_INET address in a large buffer (sockaddr_storage) is taken for what it says it is.
 */
static int rdsz_cancel_sent_to(struct rdsz_sock *rs, sockptr_t optval, unsigned int optlen)
{
	struct sockaddr_storage ss = {};
	struct rdsz_endpoint to;
	int len;

	if (!READ_ONCE(rs->bound))
		return -ENOTCONN;
	if (optlen < sizeof(struct sockaddr_in))
		return -EINVAL;
	len = min_t(unsigned int, optlen, sizeof(struct sockaddr_in6));
	if (copy_from_sockptr(&ss, optval, len))
		return -EFAULT;
	if (len < (int)sizeof(struct sockaddr_in6))
		ss.ss_family = AF_INET;
	else if (ss.ss_family != AF_INET)
		ss.ss_family = AF_INET6;
	rdsz_addr_parse(&ss, len, &to);
	rdsz_messages_withdraw(rs, &to);
	return 0;
}

static int rdsz_set_transport(struct rdsz_sock *rs, sockptr_t optval, unsigned int optlen)
{
	int value, err = 0;

	mutex_lock(&rs->bind_lock);
	if (rs->transport != RDSZ_TRANS_NONE)
		err = -EOPNOTSUPP;
	else if (optlen != sizeof(int))
		err = -EINVAL;
	else if (copy_from_sockptr(&value, optval, sizeof(int)))
		err = -EFAULT;
	else if (value < 0 || value >= RDS_TRANS_COUNT)
		err = -EINVAL;
	else if (value != RDS_TRANS_TCP)
		err = net_eq(rs->rn->net, &init_net) ? -ENOPROTOOPT : -EPROTOTYPE;
	else
		rs->transport = RDSZ_TRANS_TCP;
	mutex_unlock(&rs->bind_lock);
	return err;
}

static int rdsz_set_mode(struct rdsz_sock *rs, sockptr_t optval, unsigned int optlen)
{
	int value, err = rdsz_get_int(optval, optlen, &value);

	if (err)
		return err;
	if (value != RDSZC_COMPLETION_AF_RDS &&
	    (value < RDSZC_COMPLETION_BOTH || value > RDSZC_COMPLETION_CMSG))
		return -EINVAL;
	WRITE_ONCE(rs->af_rds, value == RDSZC_COMPLETION_AF_RDS);
	WRITE_ONCE(rs->completion_mode, min(value, RDSZC_COMPLETION_CMSG));
	rdsz_sock_wake(rs, EPOLLIN | EPOLLRDNORM | EPOLLERR);
	return 0;
}

static int rdsz_set_threshold(struct rdsz_sock *rs, sockptr_t optval, unsigned int optlen)
{
	int value, err = rdsz_get_int(optval, optlen, &value);

	if (err)
		return err;
	if (value < -1 || value > (int)RDSZ_MAX_PAYLOAD)
		return -EINVAL;
	WRITE_ONCE(rs->zc_threshold, value);
	return 0;
}

static int rdsz_set_peer_error(struct rdsz_sock *rs, sockptr_t optval, unsigned int optlen)
{
	int value, err = rdsz_get_int(optval, optlen, &value);

	return err ?: rdsz_peer_error_set(rs, value);
}

/* At this level every fault is EFAULT, as in-tree. */
static int rdsz_set_timestamp(struct rdsz_sock *rs, int optname, sockptr_t optval,
			      unsigned int optlen)
{
	int value;

	if (optlen != sizeof(int) || copy_from_sockptr(&value, optval, sizeof(int)))
		return -EFAULT;
	lock_sock(&rs->sk);
	sock_valbool_flag(&rs->sk, SOCK_RCVTSTAMP, value);
	sock_valbool_flag(&rs->sk, SOCK_TSTAMP_NEW, optname == SO_TIMESTAMP_NEW);
	release_sock(&rs->sk);
	return 0;
}

/* Every fault is EFAULT, and a bad stage switches the reports off, as in-tree. */
static int rdsz_set_rx_traces(struct rdsz_sock *rs, sockptr_t optval, unsigned int optlen)
{
	struct rds_rx_trace_so ask;
	int err = 0;
	int i;

	if (optlen != sizeof(ask) || copy_from_sockptr(&ask, optval, sizeof(ask)))
		return -EFAULT;
	if (ask.rx_traces > RDS_MSG_RX_DGRAM_TRACE_MAX)
		return -EFAULT;
	for (i = 0; i < ask.rx_traces; i++)
		if (ask.rx_trace_pos[i] >= RDSZ_RX_STAGES)
			err = -EFAULT;
	if (err)
		ask.rx_traces = 0;
	mutex_lock(&rs->bind_lock);
	atomic_add(!!ask.rx_traces - !!rs->rx_traces, &rs->rn->rx_tracers);
	for (i = 0; i < ask.rx_traces; i++)
		WRITE_ONCE(rs->rx_trace_pos[i], ask.rx_trace_pos[i]);
	WRITE_ONCE(rs->rx_traces, ask.rx_traces);
	mutex_unlock(&rs->bind_lock);
	return err;
}

static int rdsz_set_cong_monitor(struct rdsz_sock *rs, sockptr_t optval, unsigned int optlen)
{
	int value, err = rdsz_get_int(optval, optlen, &value);

	if (err)
		return err;
	spin_lock_bh(&rs->rn->sock_lock);
	rs->cong_monitor = value != 0;
	if (!value) {
		rs->cong_mask = 0;
		rs->cong_notify = 0;
	}
	spin_unlock_bh(&rs->rn->sock_lock);
	return 0;
}

static int rdsz_refuse_rdma(struct rdsz_sock *rs, unsigned int optlen, unsigned int size, int err)
{
	if (optlen != size)
		return -EINVAL;
	if (err == -EOPNOTSUPP && !READ_ONCE(rs->bound))
		return -ENOTCONN;
	return err;
}

int rdsz_setsockopt(struct socket *sock, int level, int optname, sockptr_t optval,
		    unsigned int optlen)
{
	struct rdsz_sock *rs = rdsz_sk(sock->sk);

	if (level != SOL_RDS)
		return -ENOPROTOOPT;
	switch (optname) {
	case RDS_CANCEL_SENT_TO:
		return rdsz_cancel_sent_to(rs, optval, optlen);
	case RDS_GET_MR:
		return rdsz_refuse_rdma(rs, optlen, sizeof(struct rds_get_mr_args), -EOPNOTSUPP);
	case RDS_GET_MR_FOR_DEST:
		return rdsz_refuse_rdma(rs, optlen, sizeof(struct rds_get_mr_for_dest_args),
					-EOPNOTSUPP);
	case RDS_FREE_MR:
		return rdsz_refuse_rdma(rs, optlen, sizeof(struct rds_free_mr_args), -EINVAL);
	case RDS_RECVERR:
		return rdsz_set_bool(&rs->recverr, optval, optlen);
	case RDS_CONG_MONITOR:
		return rdsz_set_cong_monitor(rs, optval, optlen);
	case SO_RDS_TRANSPORT:
		return rdsz_set_transport(rs, optval, optlen);
	case SO_RDS_MSG_RXPATH_LATENCY:
		return rdsz_set_rx_traces(rs, optval, optlen);
	case SO_TIMESTAMP_OLD:
	case SO_TIMESTAMP_NEW:
		return rdsz_set_timestamp(rs, optname, optval, optlen);
	case RDSZC_COMPLETION_MODE:
		return rdsz_set_mode(rs, optval, optlen);
	case RDSZC_PEER_ERROR:
		return rdsz_set_peer_error(rs, optval, optlen);
	case RDSZC_ZC_THRESHOLD:
		return rdsz_set_threshold(rs, optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

static int rdsz_put_opt(struct rdsz_optval *ov, const void *value, int size)
{
	int err;

	if (rdsz_optval_len(ov) < size)
		return -EINVAL;
	err = rdsz_optval_put(ov, value, size);
	if (!err)
		rdsz_optval_set_len(ov, size);
	return err;
}

int rdsz_getsockopt(struct socket *sock, int level, int optname, struct rdsz_optval *ov)
{
	struct rdsz_sock *rs = rdsz_sk(sock->sk);
	u64 features = RDSZC_FEATURES_ALL;
	int value;

	if (level != SOL_RDS)
		return -ENOPROTOOPT;
	switch (optname) {
	case RDS_RECVERR:
		value = READ_ONCE(rs->recverr);
		break;
	case SO_RDS_TRANSPORT:
		value = READ_ONCE(rs->transport);
		break;
	case RDSZC_COMPLETION_MODE:
		value = READ_ONCE(rs->completion_mode);
		break;
	case RDSZC_PEER_ERROR:
		value = READ_ONCE(rs->peer_error);
		break;
	case RDSZC_ZC_THRESHOLD:
		value = READ_ONCE(rs->zc_threshold);
		break;
	case RDSZC_FEATURES:
		return rdsz_put_opt(ov, &features, sizeof(features));
	default:
		return rdsz_info_get(rs, optname, ov);
	}
	return rdsz_put_opt(ov, &value, sizeof(value));
}
