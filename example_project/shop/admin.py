"""The shop's own tables in the admin."""

from __future__ import annotations

from django.contrib import admin

from example_project.shop.models import Category, Customer, Line, Order, Product


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ("name", "parent", "position")
    list_select_related = ("parent",)
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("sku", "name", "category", "price", "stock", "times_ordered", "is_active")
    list_filter = ("is_active", "is_service", "category__parent")
    list_select_related = ("category",)
    search_fields = ("sku", "name")
    autocomplete_fields = ("category",)
    show_full_result_count = False


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("code", "name", "country", "joined")
    list_filter = ("country",)
    search_fields = ("code", "name", "email")
    autocomplete_fields = ("user",)
    show_full_result_count = False


class LineInline(admin.TabularInline):
    model = Line
    extra = 0
    autocomplete_fields = ("product",)


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("number", "customer", "status", "placed_at", "country", "total")
    list_filter = ("status",)
    list_select_related = ("customer",)
    date_hierarchy = "placed_at"
    search_fields = ("number", "customer__code", "email")
    autocomplete_fields = ("customer",)
    inlines = (LineInline,)
    show_full_result_count = False
