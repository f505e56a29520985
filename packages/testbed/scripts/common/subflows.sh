# Further subflows are let in, and announced addresses are used.
. ../../common/defaults.sh
ip mptcp limits set subflows 4 add_addr_accepted 4
