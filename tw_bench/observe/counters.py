"""Which kernel counter fills which column of samples.csv. A new counter is one line here."""

# column → name in kernel/procfs.py. Gauges are values now, totals only grow.
GAUGES = {
    "time_wait": "sockstat.TCP.tw",  # with FIN_WAIT_2 minisocks, IPv4 and IPv6 together
    "in_use": "sockstat.TCP.inuse",  # IPv4 sockets that are not in TIME_WAIT
    "orphans": "sockstat.TCP.orphan",
    "established": "Tcp.CurrEstab",
}
TOTALS = {
    "active_opens": "Tcp.ActiveOpens",
    "passive_opens": "Tcp.PassiveOpens",
    "attempt_fails": "Tcp.AttemptFails",
    "estab_resets": "Tcp.EstabResets",
    "out_rsts": "Tcp.OutRsts",
    "retrans_segs": "Tcp.RetransSegs",
    "time_wait_made": "TcpExt.TW",  # counted on entry since Linux 5.18
    "time_wait_recycled": "TcpExt.TWRecycled",  # taken over by connect()
    "time_wait_killed": "TcpExt.TWKilled",
    "time_wait_overflow": "TcpExt.TCPTimeWaitOverflow",  # tcp_max_tw_buckets reached
    "abort_on_data": "TcpExt.TCPAbortOnData",  # SO_LINGER {1, 0} close
    "abort_on_close": "TcpExt.TCPAbortOnClose",  # close() with unread data
    "listen_overflows": "TcpExt.ListenOverflows",
    "listen_drops": "TcpExt.ListenDrops",
    "syn_retrans": "TcpExt.TCPSynRetrans",
    "timeouts": "TcpExt.TCPTimeouts",
    "paws_active": "TcpExt.PAWSActive",
    "paws_estab": "TcpExt.PAWSEstab",
    "syncookies_sent": "TcpExt.SyncookiesSent",
}
COLUMNS = (*GAUGES, *TOTALS)
