"""What is kept and how: tables, repositories, units of work, and the engines that commit them durably."""
