# What the scripts of this folder count on, whatever the machine has.
sysctl -q net.ipv4.tcp_rmem="4096 131072 6291456"
sysctl -q net.ipv4.tcp_wmem="4096 87040 4194304"
sysctl -q net.ipv4.tcp_timestamps=1 net.ipv4.tcp_sack=1 net.ipv4.tcp_dsack=1 net.ipv4.tcp_ecn=0
sysctl -q net.ipv4.tcp_syn_retries=6 net.ipv4.tcp_synack_retries=5
sysctl -q net.mptcp.enabled=1 net.mptcp.checksum_enabled=0
